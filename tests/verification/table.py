"""`python -m tests.verification.table` writes docs/verification.md: all files of the corpus and our attacks, what is due and what is given.

The corpus lies beside the checkout (see `tests.conftest`); the suite compares the page with what it finds.
"""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.verification.chain import Trust, load_certificates
from agent.verification.document import check_document
from tests.verification.attacks import Attack, every
from tests.verification.attacks.material import Material
from tests.verification.conftest import Pki, Signing, issue, rsa_key, usage

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "verification.md"
CORPUS = ROOT.parent / "shared" / "corpus"

_HEAD = """# What the verdict says of files made to deceive

Produced by `python -m tests.verification.table`; the test suite compares it with what it finds. *due* is the verdict that whoever made the file
expects, *given* is ours. Where *failed* is due, *indeterminate* with the right reason is accepted; *passed* never is, and no genuine file may fail.

Three states, and what keeps them apart: **failed** says that something is known to be wrong (the bytes, the mathematics, the certificate, a change
that the signer forbade). **indeterminate** says that what the signature covers may well be intact, but something hinders a plain yes: an algorithm
that got weak, a certificate nobody vouches for, a change after the signature that the signer had not forbidden, a structure that cannot be read.
Neither is ever shown as a good signature.
"""

_TRIED = """
## Tried beside this page

- **Every byte flipped**, one bit each (`make soak`): a small signed PDF, a `.p7s`, an ASiC container, the XML of a XAdES signature.
  None passed unless the byte is outside what is signed and reported as such.
- **Files of other programs**: 845 of the published test data of digidoc4j, DSS and pyHanko (445 containers and CMS files, 400 PDFs), tried by hand
  without their roots and not kept here. No crash, none beyond the limits. What failed for its content is named broken by its suite or refuted by
  openssl too; the rest of what failed is signed with certificates that may not sign documents.
- **Made by other programs in the suite** (`test_genuine.py`): poppler with NSS, PDFBox with Bouncy Castle, openssl, qpdf; encrypted and linearised.
- **Second opinions in the suite** (`test_second.py`): pdfsig, qpdf, `openssl cms -verify -cades`, `openssl ts -verify`, pyHanko's AdES validation,
  signxml: none of them rejects what passes here.
"""

_WHY = {
    "algorithm_weak": "weak is not broken: EN 319 102-1 leaves it indeterminate where nothing proves that the signature is older than the doubt",
    "changed_visible": "what was signed is intact and can be shown; the change came after it, and no certification forbids it",
    "changed_hidden": "what was signed is intact and can be shown; the change came after it, and no certification forbids it",
    "covered_by_later": "what was signed is intact and can be shown; a later signature was laid over it",
    "cms_damaged": "data that cannot be read proves neither side",
    "cms_structure": "data that breaks the rules of its format proves neither side",
    "kind_missing": "without its kind nobody can say by which rules it was made",
    "kind_unknown": "a kind that is not known cannot be checked",
    "removed": "a signature that was taken out may have been good",
    "": "no reader can open the file, and what a signature covers cannot be told apart from what does not belong to it",
}
"""Why *indeterminate* is the verdict where a forger's *failed* would be accepted too, by the first finding."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table."""

    name: str
    due: str
    given: str
    reason: str
    codes: tuple[str, ...]

    @property
    def why(self) -> str:
        """The explanation of a deviation, or nothing."""
        if self.due == self.given:
            return ""
        return next((_WHY[c] for c in self.codes if c in _WHY), _WHY[""] if not self.codes else "")

    def __str__(self) -> str:
        said = ", ".join(self.codes) or "the file as a whole"
        return f"| {self.name} | {self.due} | {self.given} | {self.reason} | {said if self.given != 'passed' else ''} | {self.why} |"


def _line(name: str, due: str, path: Path, trust: Trust) -> Line:
    document = asyncio.run(check_document(str(path), None, trust))
    order = [f["code"] for s in document["signatures"] for f in s["findings"] if f["verdict"]]
    return Line(name, due, str(document["verdict"]), document["reason"] or "", tuple(dict.fromkeys(order)))


def corpus_lines() -> Iterator[Line]:
    """Every signed file of the corpus; nothing where it is not here."""
    manifest = CORPUS / "manifest.json"
    if not manifest.is_file():
        return
    trust = Trust(tuple(load_certificates((CORPUS / "signed" / "synthetic-root.pem").read_bytes())))
    for entry in json.loads(manifest.read_text(encoding="utf-8")):
        if entry.get("expected"):
            path = CORPUS / entry["file"]
            yield _line(path.stem, entry["expected"], path, trust)


def attack_line(attack: Attack, material: Material, folder: Path) -> Line:
    """One attack of ours."""
    path = folder / "attack.pdf"
    path.write_bytes(attack.make(material))
    due = next(iter(attack.verdicts)) if len(attack.verdicts) == 1 else "not passed"
    return _line(attack.name, due, path, Trust(tuple(load_certificates(material.pki.root.pem.encode()))))


def new_material() -> Material:
    """A PKI like the one of the tests, and a signer."""
    root = issue("测试根 CA", ca=True)
    ca = issue("测试签发 CA", root, ca=True)
    tsa = issue("测试时间戳", ca, key_usage=usage("digital_signature"), purposes=[ExtendedKeyUsageOID.TIME_STAMPING], key=rsa_key())
    pki = Pki(root, ca, issue("李工", ca), tsa)
    return Material(pki, Signing(pki, pki.signer))


_COLUMNS = "| file | due | given | sub-indication | findings | where another verdict was due |\n|---|---|---|---|---|---|"
_OWN_COLUMNS = "| attack | due | given | sub-indication | findings |\n|---|---|---|---|---|"


def _summary(lines: list[Line]) -> str:
    count = Counter(line.given for line in lines)
    return f"{len(lines)} files: {count['passed']} passed, {count['failed']} failed, {count['indeterminate']} indeterminate."


def corpus_section(lines: list[Line]) -> str:
    """The table of the corpus."""
    return (
        f"## The corpus\n\n{_summary(lines)} The only trust anchor is the root that belongs to it.\n\n{_COLUMNS}\n"
        + "\n".join(map(str, lines))
        + "\n"
    )


def own_section(lines: list[Line]) -> str:
    """The table of our own attacks."""
    rows = (f"| {n.name} | {n.due} | {n.given} | {n.reason} | {', '.join(n.codes) or 'the file as a whole'} |" for n in lines)
    return (
        "## Attacks made by ourselves\n\n"
        f"{_summary(lines)} Made by `tests/verification/attacks`: signature exclusion (usf), incremental saving (isa), wrapping (swa) and holes "
        "in what is signed, shadow attacks, evil annotations (eaa), sneaky signatures (ssa), surgery on the "
        "CMS. Bombs are tested beside them (`test_bombs.py`).\n\n"
        f"{_OWN_COLUMNS}\n" + "\n".join(rows) + "\n"
    )


def main() -> int:
    """Write the page; 1 where the corpus is not here."""
    corpus = list(corpus_lines())
    if not corpus:
        print(f"no corpus at {CORPUS}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        material = new_material()
        own = [attack_line(a, material, Path(folder)) for a in every()]
    PAGE.write_text(f"{_HEAD}\n{corpus_section(corpus)}\n{own_section(own)}{_TRIED}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
