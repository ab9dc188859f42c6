"""A document that kills the process reading it fails alone: the others of its set are signed (promise 8 in spirit, S41)."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, PracticeToken, Yinxin
from tests.e2e.looks import assert_signed

DEADLY = """
import os, sys
if "agent.signing.worker" in sys.orig_argv:
    import agent.signing.reader as reader
    calm = reader.opened
    def opened(fd, size):
        if b"KILLME" in os.pread(fd, 64, 0):
            os.kill(os.getpid(), 9)
        return calm(fd, size)
    reader.opened = opened
"""


@pytest.mark.promise(6)
@pytest.mark.obligation("S41")
def test_a_document_that_kills_workers_fails_alone(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    inputs = [Path(shutil.copy(drawing, tmp_path / f"{n}.pdf")) for n in range(9)]
    for n in (3, 4):
        inputs[n].write_bytes(drawing.read_bytes().replace(b"\n", b"\n%KILLME\n", 1))
    pin = ("--token", practice_token.label, "--pin", "env:YX_PIN")
    done = yinxin("sign", *inputs, *pin, code=7, env=env).json
    assert [d["state"] for d in done["documents"]] == ["failed" if n in (3, 4) else "published" for n in range(9)]
    assert {d["error"]["code"] for d in done["documents"] if d["error"]} == {"input_unusable"}
    assert all(d["error"]["message"] and d["error"]["hint"] for d in done["documents"] if d["error"])
    assert {path.name for path in tmp_path.glob("*.signed.pdf")} == {f"{n}.signed.pdf" for n in range(9) if n not in (3, 4)}
    alone = yinxin("sign", inputs[3], *pin, code=5, env=env)
    assert alone.error["code"] == "input_unusable"


AFTER_THE_NAME = """
import os, sys
if "agent.signing.worker" in sys.orig_argv:
    import agent.signing.staging as staging
    calm = staging.Staging.publish
    def publish(self):
        calm(self)
        os.kill(os.getpid(), 9)
    staging.Staging.publish = publish
"""


@pytest.mark.promise(5)
def test_a_document_whose_worker_died_after_the_name_was_given_is_told_as_published(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(AFTER_THE_NAME)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    done = yinxin("sign", drawing, "--out", tmp_path / "a.pdf", "--token", practice_token.label, "--pin", "env:YX_PIN", env=env).json
    (document,) = done["documents"]
    assert (document["state"], document["error"]) == ("published", None)
    assert document["sha256_after"] == hashlib.sha256((tmp_path / "a.pdf").read_bytes()).hexdigest()


ONCE = """
import os, sys
if "agent.signing.worker" in sys.orig_argv:
    import agent.signing.document as document
    calm = document.Document.finish
    def finish(self, signature):
        if b"KILLME" in open(self._asked.input, "rb").read()[-64:]:
            try:
                os.close(os.open(os.environ["TMPDIR"] + "/died", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), 9)
        return calm(self, signature)
    document.Document.finish = finish
"""
ALWAYS = ONCE.replace("os.O_EXCL", "os.O_RDWR")


@pytest.mark.promise(5)
@pytest.mark.obligation("S41")
@pytest.mark.parametrize(("how", "lost"), [(ONCE, ()), (ALWAYS, (4,))], ids=["once", "always"])
def test_a_worker_that_dies_while_signing_gives_its_share_back(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path, how: str, lost: tuple[int, ...]
) -> None:
    """What it had in hand is taken up by another, and the token is asked for no second signature over what it signed already."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(how)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)]), "TMPDIR": str(tmp_path)}
    inputs = [Path(shutil.copy(drawing, tmp_path / f"{n}.pdf")) for n in range(30)]
    inputs[4].write_bytes(drawing.read_bytes() + b"\n%KILLME\n")
    pin = ("--token", practice_token.label, "--pin", "env:YX_PIN")
    done = yinxin("sign", *inputs, *pin, code=7 if lost else 0, env=env).json
    assert (tmp_path / "died").exists()
    assert [n for n, d in enumerate(done["documents"]) if d["state"] != "published"] == list(lost)
    assert all(done["documents"][n]["error"]["facts"]["reason"] == "crashed" for n in lost)
    assert {path.name for path in tmp_path.glob("*.signed.pdf")} == {f"{n}.signed.pdf" for n in range(30) if n not in lost}
    for n in set(range(30)) - set(lost):
        assert_signed(tmp_path / f"{n}.signed.pdf")
    noted = [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert not noted
