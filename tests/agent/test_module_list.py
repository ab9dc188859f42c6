"""modules.json as a hand or a hostile program may leave it: refused by its name, and never an error of ours or a weaker host."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.api.errors import ApiError, Code
from agent.api.home import Home, locate
from agent.inventory import marks, modules

GOOD = {"name": "vendor", "path": "/opt/vendor.so", "init_args": None, "env": {"A": "b"}, "sha256": "0" * 64}
BAD: list[dict[str, Any]] = [
    {"env": {"A": 1}}, {"env": {"A\0": "x"}}, {"env": {"A": "\0"}}, {"env": {"A=B": "x"}}, {"env": {"": "x"}}, {"env": {"LD_PRELOAD": "x"}},
    {"env": {"PYTHONPATH": "x"}}, {"env": ["A"]}, {"sha256": 5}, {"init_args": 5}, {"init_args": "\0"}, {"path": "/a\0b"}, {"path": 5}, {"name": 5},
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return locate(str(tmp_path)).make()


@pytest.mark.promise(8)
@pytest.mark.parametrize("change", [None, *BAD], ids=str)
def test_an_entry_that_no_host_can_be_started_with(home: Home, change: dict[str, Any] | None) -> None:
    (home.config / "modules.json").write_text(json.dumps({"modules": [{**GOOD, **(change or {})}]}))
    if change is None:
        assert any(ref.name == "vendor" for ref in modules.configured(home))
        return
    with pytest.raises(ApiError) as caught:
        modules.configured(home)
    assert (caught.value.code, caught.value.facts["reason"]) == (Code.USAGE, "configuration")


@pytest.mark.parametrize("text", ["[" * 100_000, "5", '{"modules": 5}', "\xff"], ids=["deep", "number", "no list", "odd"])
def test_a_file_that_is_no_list(home: Home, text: str) -> None:
    (home.config / "modules.json").write_text(text, encoding="latin-1")
    with pytest.raises(ApiError):
        modules.configured(home)
    (home.config / "words.json").write_text(text, encoding="latin-1")
    if text[0] != "{":
        assert marks.read(home.config / "words.json") is None


@pytest.mark.parametrize(
    "change", [{"env": {"A\0": "x"}}, {"env": {"A=B": "x"}}, {"path": "/a\0b"}, {"init_args": "\ud800"}, {"init_args": "\0"}], ids=str
)
def test_what_cannot_be_handed_to_a_host_is_not_added(home: Home, change: dict[str, Any]) -> None:
    wanted = {"path": "/usr/lib/softhsm/libsofthsm2.so", "name": "n", "init_args": None, "env": {}, "sha256": None, **change}
    with pytest.raises(ApiError) as caught:
        modules.add(home, modules.NewModule(**wanted))
    assert caught.value.facts["reason"] == "module_env"
