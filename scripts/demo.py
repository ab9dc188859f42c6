"""`make demo`: from nothing to a signed and verified drawing, with the commands that a user would type, each shown before it runs.

Works in build/demo (YINXIN_DEMO_FOLDER moves it), afresh each time, with its own home, so that your settings and tokens are left alone,
and with an emulated UKey made by SoftHSM2.
FILE=… signs that file instead (several: quoted as in a shell), AT=PAGE:X,Y,W,H puts a text appearance on it, in mm.
Ends with 0 only if our verifier and the independent ones (pdfsig, qpdf, openssl) all agree.
"""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.draw_sample import draw, signature_cell

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path(os.environ.get("YINXIN_DEMO_FOLDER") or ROOT / "build" / "demo")
YINXIN = Path(sys.executable).with_name("yinxin")
HOME = DEMO / "home"
LABEL = "demo"
SUBJECT = "CN=李工,O=云桥建筑设计院,C=CN"
CA_SUBJECT = "CN=云桥内部 CA,O=云桥建筑设计院,C=CN"


class Failed(Exception):
    """A step of the demo did not do what it should; the text says which."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one verifier said of one file."""

    who: str
    ok: bool
    words: str

    @property
    def gist(self) -> str:
        """The lines that matter to a reader in a hurry."""
        lines = [line.strip(" -") for line in self.words.splitlines()]
        telling = [line for line in lines if any(word in line for word in ("Signature is", "document signed", "No syntax", "successful"))]
        return " · ".join(telling).removesuffix("; the file may still contain") or "\n     ".join(lines)


def say(chinese: str, english: str) -> None:
    """One line for whoever watches."""
    print(f"\n== {chinese} / {english}", flush=True)


def shown(path: Path) -> str:
    """A path as short as it can be written from the checkout."""
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)


def yinxin(*arguments: str | Path, codes: Sequence[int] = (0,)) -> Any:
    """Run one command of the product in the demo's home and return its JSON; raises `Failed` for another exit code."""
    words = [shown(a) if isinstance(a, Path) else a for a in arguments]
    print("   $ yinxin " + " ".join(word if _plain(word) else shlex.quote(word) for word in words), flush=True)
    done = subprocess.run(
        [YINXIN, "--json", "--lang", "zh", *words],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode not in codes:
        raise Failed(f"yinxin {arguments[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def _plain(word: str) -> bool:
    """Whether a shell takes the word as it is; Chinese file names are no reason for quotes."""
    return bool(word) and all(letter.isalnum() or letter in "-_./:,@=" for letter in word)


def environment() -> dict[str, str]:
    """Ours, with the demo's home."""
    return {**os.environ, "YINXIN_HOME": str(HOME)}


def fresh() -> None:
    """Empty build/demo; an agent that still serves it is stopped first."""
    if HOME.exists():
        subprocess.run([YINXIN, "agent", "stop"], env=environment(), capture_output=True)
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    for name, digits in (("pin", 6), ("so-pin", 8)):
        path = DEMO / f"{name}.txt"
        path.touch(mode=0o600)
        path.write_text("".join(secrets.choice("0123456789") for _ in range(digits)) + "\n")


def make_token() -> None:
    """An emulated token that holds an internal CA and a signer's key and certificate."""
    pin = ("--token", LABEL, "--pin", f"file:{shown(DEMO / 'pin.txt')}")
    say("制作练习 UKey", "making a practice token (SoftHSM2)")
    print(f"   $ export YINXIN_HOME={shown(HOME)}")
    yinxin("token", "init", "--emulated", "--practice", "--label", LABEL, *pin[2:], "--so-pin", f"file:{shown(DEMO / 'so-pin.txt')}")
    say("建立单位内部 CA，在 UKey 上生成密钥，签发数字证书", "an internal CA, a key made on the token, a certificate for it")
    yinxin("ca", "create", "--subject", CA_SUBJECT, "--out", DEMO / "ca.pem", *pin)
    made = yinxin("key", "generate", "--type", "rsa2048", "--label", "signing", *pin)
    if not made["non_extractable"]:
        raise Failed("the key could leave the token")
    yinxin("cert", "request", "--key", "signing", "--subject", SUBJECT, "--out", DEMO / "signer.csr", *pin)
    yinxin("cert", "issue", DEMO / "signer.csr", "--ca", LABEL, "--profile", "signer", "--out", DEMO / "signer.crt", *pin[2:])
    yinxin("cert", "import", DEMO / "signer.crt", *pin)


def sign(files: Sequence[Path], place: str | None) -> list[dict[str, Any]]:
    """Sign `files` as one set under one PIN; returns the documents of the contract."""
    say(f"签署 {len(files)} 个文件：PIN 码一次", f"signing {len(files)} file(s), one PIN")
    look = ("--appearance", "text", "--at", place) if place else ()
    result = yinxin("sign", *files, "--token", LABEL, "--pin", f"file:{shown(DEMO / 'pin.txt')}", "--out-dir", DEMO, *look, codes=(0, 5, 7))
    documents: list[dict[str, Any]] = result["documents"]
    return documents


def check(document: dict[str, Any]) -> list[Check]:
    """What our verifier and the independent ones say of one signed document."""
    source, output = Path(document["input"]), Path(document["output"])
    if output.suffix == ".p7s":
        ours = yinxin("verify", source, "--signature", output, codes=(0, 1))
    else:
        ours = yinxin("verify", output, codes=(0, 1))
    told = ours["documents"][0]
    checks = [Check("yinxin verify", told["verdict"] == "passed", f"{told['verdict']}\n{told['explanation']['zh']}\n{told['explanation']['en']}")]
    if output.suffix == ".p7s":
        command: list[str | Path] = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", output, "-content", source]
        code, words = other(*command, "-CAfile", DEMO / "ca.pem", "-purpose", "any", "-out", os.devnull)
        return [*checks, Check("openssl cms -verify -cades", code == 0, words)]
    code, words = other("pdfsig", "-nocert", output)
    checks.append(Check("pdfsig -nocert", "Signature is Valid" in words and "Total document signed" in words, words))
    code, words = other("qpdf", "--check", output)
    before, _ = other("qpdf", "--check", source)
    checks.append(Check("qpdf --check", code in (0, before), words))  # an own file may have come with its faults
    return checks


def other(*command: str | Path) -> tuple[int, str]:
    """Exit code and words of somebody else's program."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env={**os.environ, "LC_ALL": "C.UTF-8"})
    return done.returncode, (done.stdout + done.stderr).strip()


def picture(pdf: Path) -> list[Path]:
    """The signed sheet and its title block, drawn by poppler, for whoever has no PDF viewer at hand."""
    made = []
    for name, dpi, crop in (("sheet", 50, None), ("title-block", 130, (3180, 2430, 1090, 580))):
        window = [] if crop is None else [word for pair in zip(("-x", "-y", "-W", "-H"), map(str, crop), strict=True) for word in pair]
        code, _ = other("pdftoppm", "-singlefile", "-png", "-r", str(dpi), *window, pdf, DEMO / name)
        if code == 0:
            made.append(DEMO / f"{name}.png")
    return made


def report(documents: Sequence[dict[str, Any]], checks: Sequence[Sequence[Check]], seconds: float) -> Path:
    """Write report.md (for people) and report.json (for programs) into build/demo."""
    entries = [
        {**document, "checks": [{"who": c.who, "ok": c.ok, "words": c.words} for c in found]}
        for document, found in zip(documents, checks, strict=True)
    ]
    (DEMO / "report.json").write_text(json.dumps({"seconds": round(seconds, 1), "documents": entries}, ensure_ascii=False, indent=1) + "\n")
    lines = [
        "# 印信演示报告 / Yinxin demo report",
        "",
        "练习 UKey 与内部 CA：没有对外效力。 / A practice token and an internal CA: of no effect outside.",
        "",
    ]
    for entry in entries:
        lines += [f"## {Path(entry['input']).name}", "", f"- {entry['state']}: `{entry['output'] or '-'}`"]
        lines += (
            [f"- SHA-256 {entry['sha256_before']} → {entry['sha256_after']}"]
            if entry["output"]
            else [f"- {json.dumps(entry['error'], ensure_ascii=False)}"]
        )
        for one in entry["checks"]:
            lines += ["", f"### {'✓' if one['ok'] else '✗'} {one['who']}", "", "```", one["words"], "```"]
        lines.append("")
    path = DEMO / "report.md"
    path.write_text("\n".join(lines), encoding="utf-8", errors="backslashreplace")
    return path


def open_window() -> bool:
    """Open the desktop on the demo's home, in the background, where there is a display; YINXIN_DEMO_WINDOW=0 forbids it."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or os.environ.get("YINXIN_DEMO_WINDOW") == "0" or os.environ.get("CI"):
        return False
    with open(DEMO / "desktop.log", "wb") as log:
        subprocess.Popen(
            [YINXIN.with_name("yinxin-desktop")],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return True


def wanted_files() -> list[Path]:
    """The user's files, as FILE names them; empty for the project's own drawing."""
    named = os.environ.get("FILE", "").strip()
    if not named:
        return []
    words = [named] if os.path.exists(named) else shlex.split(named)
    return [Path(os.path.abspath(os.path.expanduser(word))) for word in words]


def main() -> int:
    """The whole demo; returns the exit code."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that is not UTF-8 shows question marks
    begin = time.monotonic()
    files, place = wanted_files(), os.environ.get("AT")
    fresh()
    try:
        if not files:
            files, place = [DEMO / "结施-03.pdf"], signature_cell("设计").place
            say("绘制样图（A1，中文图签）", "drawing the sample: A1 with a Chinese title block")
            draw(files[0])
            print(f"   {shown(files[0])}")
        make_token()
        documents = sign(files, place)
        say("验签：印信，以及独立的 pdfsig、qpdf、openssl", "verifying: ours and independent ones")
        checks = [check(document) if document["state"] == "published" else [] for document in documents]
    except Failed as failure:
        print(f"\n!! {failure}", file=sys.stderr)
        return 1
    finally:
        subprocess.run([YINXIN, "agent", "stop"], env=environment(), capture_output=True)
    written = report(documents, checks, time.monotonic() - begin)
    good = True
    for document, found in zip(documents, checks, strict=True):
        if not found:
            good = False
            error = document["error"] or {}
            print(f"   ✗ {document['input']}: {error.get('message', document['state'])} {error.get('hint', '')}")
        for one in found:
            good = good and one.ok
            print(f"   {'✓' if one.ok else '✗'} {one.who}: {one.gist}")
    outputs = [Path(document["output"]) for document in documents if document["output"]]
    say("结果", "results")
    for path in [*outputs, *(picture(outputs[0]) if not wanted_files() and outputs else []), written]:
        print(f"   {shown(path)}")
    print(f"   练习 UKey 的 PIN 码 / the practice token's PIN: {shown(DEMO / 'pin.txt')}")
    if good:
        print(
            f"\n印信演示完成 / demo done: {len(outputs)} 个文件已签署并通过验签 / signed and verified, {time.monotonic() - begin:.0f} s", flush=True
        )
        if open_window():
            print("   已打开印信窗口 / the window is opening")
        else:
            print("   有显示器时可运行 / with a display: YINXIN_HOME=build/demo/home .venv/bin/yinxin-desktop")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
