"""What is installed is what was tried: exact versions, hashes, no index of ours; nothing is imported that is not declared."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINS = ("requirements.txt", "requirements-dev.txt")


def names(requirements: list[str]) -> set[str]:
    """Distribution names in their normal form (PEP 503)."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", one)[0]).lower() for one in requirements}  # type: ignore[index]


def pinned(name: str) -> dict[str, str]:
    """Distribution → its whole entry in a pin file."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / name).read_text())
    entries = [entry for entry in re.split(r"(?m)^(?=[\w])", text) if entry.strip()]
    return {next(iter(names([entry]))): entry for entry in entries}


def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return table


@pytest.mark.parametrize("name", PINS)
def test_no_index_address_stands_in_the_pins(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-i|--(extra-)?index-url|-f|--find-links|--trusted-host)\b", text)


@pytest.mark.parametrize("name", PINS)
def test_each_pin_is_one_version_with_hashes(name: str) -> None:
    entries = pinned(name)
    assert len(entries) > 40
    for package, entry in entries.items():
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+ ", entry), package
        assert "--hash=sha256:" in entry, package


def test_both_pin_files_agree() -> None:
    run, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {package: entry.split()[0] for package, entry in run.items()}.items() <= {
        package: entry.split()[0] for package, entry in dev.items()
    }.items()


def test_every_dependency_is_pinned_and_pykcs11_is_not() -> None:
    table = project()
    dependencies = names(table["project"]["dependencies"])  # type: ignore[index]
    assert dependencies <= set(pinned("requirements.txt"))
    assert "pykcs11" not in pinned("requirements.txt")  # GPL: only ever by the user's own choice; the tests have it, as a tool
    backend = table["build-system"]["requires"]  # type: ignore[index]
    assert all(pinned("requirements.txt")[next(iter(names([one])))].startswith(one) for one in backend)


def imported() -> Iterator[tuple[Path, str]]:
    for package in ("agent", "desktop", "tokens"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    yield from ((path, alias.name.partition(".")[0]) for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield path, node.module.partition(".")[0]


def test_every_library_we_import_is_declared() -> None:
    table = project()["project"]
    declared = names(table["dependencies"])  # type: ignore[index]
    extras = names(table["optional-dependencies"]["pykcs11"])  # type: ignore[index]
    known = packages_distributions()
    for path, module in imported():
        if module not in sys.stdlib_module_names and module not in {"agent", "desktop", "tokens"}:
            provider = names(known.get(module, [module]))
            # Only the vendor host may import the extra; shiboken6 is part of PySide6.
            allowed = declared | (extras if path == ROOT / "tokens/host/vendor.py" else {"shiboken6"})
            assert provider & allowed, f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not name"
