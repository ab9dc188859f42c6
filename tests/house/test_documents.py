"""The first pages that a newcomer reads are true."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = ("help", "demo", "test", "check", "lab", "soak", "bench", "fix", "obligations", "clean")


def test_readme_names_the_two_commands_and_shows_the_result() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert re.search(r"!\[[^\]]*\]\(docs/img/[\w-]+\.png\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} → {target}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name in ("README.md", "ARCHITECTURE.md", "threat-model.md")], ids=lambda page: page.name
)
def test_paths_that_are_named_exist(page: Path) -> None:
    """A name in back quotes that looks like a path of the checkout is one."""
    for word in re.findall(r"`((?:agent|desktop|tokens|tests|docs|scripts|softhsm-config)/[\w./-]*)`", page.read_text(encoding="utf-8")):
        assert (ROOT / word).exists(), f"{page.name} names {word}"


def test_make_help_explains_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    explained = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert set(TARGETS) <= explained


def test_every_obligation_has_a_row() -> None:
    rows = re.findall(r"(?m)^\| (S\d\d) \| [^|]+ \| [^|]+ \| [^|]+ \| [^|]+ \|$", (ROOT / "docs/obligations.md").read_text(encoding="utf-8"))
    assert rows == [f"S{number:02}" for number in range(1, 92)]
