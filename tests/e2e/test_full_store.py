"""A disk that fills up under the ledger in the middle of a set: nothing is signed unrecorded, and with room again the rest is signed, once."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import agent_of, assert_signed, told, tree, until
from tests.e2e.test_resume import ended, sheets, states


def limit(pid: int, size: int | str) -> None:
    """No file of this process may become larger: to it, that is a full disk."""
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:unlimited"], check=True)


@pytest.mark.promise(5)
@pytest.mark.promise(6)
def test_the_ledger_fills_up_in_the_middle_of_a_set(faulty: Faulty, drawing: Path) -> None:
    inputs, home = sheets(drawing, 8), faulty.yinxin.home
    folder = inputs[0].parent
    faulty.say("delay C_Sign 50")
    signing = faulty.yinxin.start("sign", *inputs, *SIGN)
    until(lambda: len(list(folder.glob("*.signed.pdf"))) >= 2)
    agent = agent_of(home)
    assert agent is not None
    limit(agent, (home / "data" / "ledger.db-wal").stat().st_size)
    try:
        stdout, _ = signing.communicate(timeout=60)
        result = json.loads(stdout)
        published = states(result["documents"]).count("published")
        assert (signing.returncode, result["error"]["code"]) == (7, "store_unreachable")
        assert f"--resume {result['batch']}" in result["error"]["hint"]
        assert len(list(folder.glob("*.signed.pdf"))) == published < 8
        before, logins = tree(folder), faulty.calls("C_Login")
        assert told(faulty.yinxin("sign", "--resume", result["batch"], *SIGN, code=6))["code"] == "store_unreachable"
        assert faulty.calls("C_Login") == logins
    finally:
        limit(agent, "unlimited")
    faulty.say()
    done = faulty.yinxin("sign", "--resume", result["batch"], *SIGN).json  # the agent is the same: nobody had to stop it
    assert agent_of(home) == agent
    assert states(done["documents"]) == ["published"] * (8 - published)
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    for path in folder.glob("*.signed.pdf"):
        assert_signed(path)
    runs = [run["batch"] for run in ended(home)]
    assert len(runs) == len(set(runs))
    told(faulty.yinxin("sign", "--resume", result["batch"], *SIGN, code=5))
