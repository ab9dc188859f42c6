"""A token of each kind on the bench, and what was seen of it for docs/tokens.md (written by `make lab`)."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import short_folder
from tests.contract.kinds import KINDS, Bench, Capability, Kind, in_lab

Witness = Callable[[str], None]


def of(capability: Capability, offered: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The test is run for every kind that offers the capability (or, with `offered=False`, for every one that does not)."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        kinds = [kind for kind in KINDS if kind.offers(capability) == offered and (in_lab() or not kind.lab)]
        test.capability = capability  # type: ignore[attr-defined]
        test.__test__ = bool(kinds)  # type: ignore[attr-defined]
        return pytest.mark.parametrize("kind", kinds, ids=[kind.name for kind in kinds])(test)

    return mark


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """What all benches have in common."""
    folder = short_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bench(kind: Kind, shared: Path) -> Iterator[Bench]:
    """A token of the kind, made new."""
    why = kind.missing()
    if why is not None:
        pytest.skip(why)
    folder = short_folder()
    try:
        with kind.open(folder, shared) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def witness(request: pytest.FixtureRequest) -> Witness:
    """Says in a few words what was seen, for the table."""
    return lambda text: request.node.user_properties.append(("seen", text))


_seen: dict[tuple[str, str], str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keeps each cell of the table."""
    told: dict[str, Any] = dict(report.user_properties)
    if report.when == "call" and report.passed and "cell" in told:
        kind, capability = told["cell"]
        _seen[kind, capability] = "; ".join(filter(None, (_seen.get((kind, capability)), told.get("seen"))))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Writes the page where every test of the whole lab has passed."""
    if in_lab() and exitstatus == 0 and os.environ.get("YINXIN_LAB_TABLE"):
        from tests.contract.table import PAGE, page

        PAGE.write_text(page(_seen), encoding="utf-8")


@pytest.fixture(autouse=True)
def _cell(request: pytest.FixtureRequest) -> None:
    capability = getattr(request.function, "capability", None)
    if capability is not None and request.node.callspec.params["kind"].offers(capability):
        request.node.user_properties.append(("cell", [request.node.callspec.params["kind"].name, capability.name]))
