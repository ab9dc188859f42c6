"""ASiC containers (EN 319 162-1): ASiC-S and ASiC-E with CAdES or XAdES signatures and time-stamp tokens, each judged, and what none covers.

Evidence records and the signatures of other kinds of containers are named as not supported; they never pass.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from agent.verification import cms, tst, xades
from agent.verification.chain import Evidence, Trust
from agent.verification.container import Container, Damaged, open_container
from agent.verification.manifest import MANIFEST_MAX, BadManifest, Manifest, entry_of, parse_manifest
from agent.verification.model import Finding, SignatureReport, Verdict, found
from agent.verification.policy import check_digest
from agent.verification.signer import Digester, NotSignedData, load_signed_data, looks_like_attributes
from agent.verification.verdict import judge
from agent.verification.xmldsig import BadXml

EXTENSIONS = (".asics", ".scs", ".asice", ".sce")
_TYPES: Mapping[bytes, str] = {b"application/vnd.etsi.asic-s+zip": "s", b"application/vnd.etsi.asic-e+zip": "e"}
_META = "META-INF/"
_INFORMATION = frozenset({"META-INF/manifest.xml", "META-INF/container.xml", "META-INF/metadata.xml"})
"""What other formats put into a container beside its files."""
_SIGNATURE_MAX = 16 * 1024 * 1024
_SIGNATURES_MAX = 200
_ATTRIBUTES_MAX = 64 * 1024
_MANIFEST = re.compile(r"META-INF/[^/]*ASiC(Archive)?Manifest[^/]*\.xml")
_XADES = re.compile(r"META-INF/[^/]*signatures[^/]*\.xml", re.IGNORECASE)
_FOREIGN: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Evidence Record", re.compile(r"META-INF/[^/]*evidencerecord[^/]*\.(xml|ers)", re.IGNORECASE)),
    ("JAR", re.compile(r"META-INF/[^/]+\.(RSA|DSA|EC)", re.IGNORECASE)),
    ("Office Open XML", re.compile(r"_xmlsignatures/[^/]+\.xml", re.IGNORECASE)),
    ("OFD", re.compile(r"(.+/)?Signs?/.*(Signatures?\.xml|SignedValue\.dat)", re.IGNORECASE)),
)
"""Signatures this program does not judge, by the names of their entries."""


@dataclass(slots=True)
class Parts:
    """The entries of a container by what they are."""

    data: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    xml: list[str] = field(default_factory=list)
    """Signatures in XML."""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    foreign: list[tuple[str, str]] = field(default_factory=list)
    """Kind and entry."""
    other: list[str] = field(default_factory=list)


async def check_asic(stream: BinaryIO, trust: Trust) -> list[SignatureReport]:
    """A report for each signature and time-stamp of a container; none where it holds none.  Raises `NotAContainer`, `TooLarge`, MemoryError."""
    box = open_container(stream)
    parts = _sort(box)
    if (count := len(parts.signatures) + len(parts.stamps) + len(parts.xml)) > _SIGNATURES_MAX:
        return [SignatureReport((found("not_checked", detail=f"{count}"),))]
    check = _Check(box, parts, trust)
    reports = await check.all()
    return _say_uncovered(reports, parts) if reports else []


def _sort(box: Container) -> Parts:
    parts = Parts()
    for name in sorted(box.entries):
        foreign = next((kind for kind, pattern in _FOREIGN if pattern.fullmatch(name)), None)
        if name.endswith("/") or name == "mimetype":
            continue
        if foreign is not None:
            parts.foreign.append((foreign, name))
        elif _XADES.fullmatch(name):
            parts.xml.append(name)
        elif not name.startswith(_META):
            parts.data.append(name)
        elif _MANIFEST.fullmatch(name):
            try:
                parts.manifests[name] = parse_manifest(name, box.read(name, MANIFEST_MAX))
            except (BadManifest, Damaged) as exc:
                parts.broken[name] = str(exc)
        elif name.lower().endswith(".p7s"):
            parts.signatures.append(name)
        elif name.lower().endswith(".tst"):
            parts.stamps.append(name)
        else:
            parts.other.append(name)
    return parts


class _Check:
    """One container being judged."""

    def __init__(self, box: Container, parts: Parts, trust: Trust) -> None:
        self.box, self.parts, self.trust = box, parts, trust
        self.general = [*box.doubts, *_check_type(box, parts)]
        self.digests: dict[tuple[str, str], bytes] = {}
        self.proofs: dict[str, datetime] = {}
        """By entry: the earliest time at which a time-stamp that holds proves it to have existed."""

    async def all(self) -> list[SignatureReport]:
        """Time-stamps first, for they prove the age of signatures; they are told after them."""
        stamps = await self._stamps()
        signatures: list[SignatureReport] = []
        for name in self.parts.signatures:
            signatures += _numbered(await self._signature(name), len(signatures))
        for name in self.parts.xml:
            signatures += await self._xml(name)
        foreign = [SignatureReport((*self.general, found("kind_unknown", name=kind)), field=name) for kind, name in self.parts.foreign]
        return [*signatures, *stamps, *foreign, *self._orphans()]

    async def _stamps(self) -> list[SignatureReport]:
        reports: dict[str, SignatureReport] = {}
        for _ in range(len(self.parts.stamps) + 1):  # a later one may prove the age of an earlier one, whose issuer's certificate has expired since
            before = dict(self.proofs)
            for name in self.parts.stamps:
                if name not in reports or judge(reports[name].findings)[0] is not Verdict.PASSED:
                    reports[name] = await self._stamp(name)
                    self._learn(reports[name], name)
            if before == self.proofs:
                break
        return [reports[name] for name in self.parts.stamps]

    def _learn(self, report: SignatureReport, name: str) -> None:
        if report.signing_time is None or judge(report.findings)[0] is not Verdict.PASSED:
            return
        manifest, _ = self._manifest_of(name)
        covered = [entry_of(r.uri, self.box.entries) for r in manifest.references] if manifest else list(report.covers)
        for entry in [e for e in covered if e] + ([manifest.name] if manifest else []):
            self.proofs[entry] = min(report.signing_time, self.proofs.get(entry, report.signing_time))

    async def _stamp(self, name: str) -> SignatureReport:
        try:
            token, around = tst.load_token(self.box.read(name, _SIGNATURE_MAX))
            digest, findings, covers = self._over(name)
            report = (
                SignatureReport(kind="timestamp")
                if digest is None
                else await tst.check_token(token, around, digest, self.trust, Evidence(), self.proofs.get(name))
            )
        except (NotSignedData, Damaged) as exc:
            return self._unreadable(name, exc, "timestamp")
        return self._finish(report, name, findings, covers)

    async def _signature(self, name: str) -> list[SignatureReport]:
        try:
            data = self.box.read(name, _SIGNATURE_MAX)
            signed_data, length = load_signed_data(data)
            digest, findings, covers = self._over(name)
            if cms.has_content(signed_data):
                findings.append(found("cms_structure", detail="eContent"))
            proved = self.proofs.get(name)
            signed = cms.Signed(
                digest or (lambda _: b""), tuple(cms.trailing(data[length:])), cms.BASELINE, proved_at=proved, archived=proved is not None
            )
            reports = [] if digest is None else await cms.check_signers(signed_data, signed, self.trust)
        except (NotSignedData, Damaged) as exc:
            return [self._unreadable(name, exc, "signature")]
        return [self._finish(r, name, findings, covers) for r in reports or [SignatureReport()]]

    async def _xml(self, name: str) -> list[SignatureReport]:
        files = xades.Files(self.box.entries, frozenset(self.parts.data), self._digest)
        try:
            checked = await xades.check_file(self.box.read(name, _SIGNATURE_MAX), files, self.trust, self.proofs.get(name))
        except Damaged as exc:
            return [self._unreadable(name, exc, "signature")]
        except BadXml as exc:
            return [SignatureReport((*self.general, found("cms_structure", detail=exc)), field=name)]
        return [self._finish(report, name, (), covers) for report, covers in checked]

    def _unreadable(self, name: str, exc: Exception, kind: str) -> SignatureReport:
        said = found("container_entry_damaged", name=name, detail=exc) if isinstance(exc, Damaged) else found("cms_damaged", detail=exc)
        return SignatureReport((*self.general, said), field=name, kind=kind)

    def _finish(self, report: SignatureReport, name: str, findings: Sequence[Finding], covers: Sequence[str]) -> SignatureReport:
        whole = set(covers) == set(self.parts.data) and not any(f.code in _NOT_WHOLE for f in (*findings, *report.findings))
        return replace(
            report, findings=(*self.general, *findings, *report.findings), field=name, covers=tuple(covers), covers_whole_file=whole, revision=1
        )

    def _manifest_of(self, name: str) -> tuple[Manifest | None, int]:
        """The manifest that names a signature, and how many do."""
        naming = []
        for manifest in self.parts.manifests.values():
            try:
                if entry_of(manifest.signature, self.box.entries) == name:
                    naming.append(manifest)
            except BadManifest:
                continue
        return (naming[0] if naming else None), len(naming)

    def _over(self, name: str) -> tuple[Digester | None, list[Finding], list[str]]:
        """What a signature is over (None: nobody says), what is wrong with that, and the files it covers; raises `Damaged`."""
        manifest, count = self._manifest_of(name)
        out = [found("manifest_damaged", name=n, detail=why) for n, why in self.parts.broken.items()]
        if count > 1:
            out.append(found("container_ambiguous", detail=f"{count} manifests: {name}"))
        if manifest is not None:
            findings, covers = self._follow(manifest)
            return self._digester(manifest.name), [*out, *findings], covers
        simple = not any("ASiCManifest" in m for m in (*self.parts.manifests, *self.parts.broken)) and len(self.parts.data) == 1
        if not simple:
            return None, [*out, found("container_signature_stray")], []
        (content,) = self.parts.data
        out.append(found("container_name", name=content))
        if looks_like_attributes(b"".join(_first(self.box, content, _ATTRIBUTES_MAX))):
            out.append(found("attributes_as_content"))
        try:
            self._digest(content, "sha256")
        except Damaged as exc:
            return None, [*out, found("container_entry_damaged", name=content, detail=exc)], [content]
        return self._digester(content), out, [content]

    def _follow(self, manifest: Manifest) -> tuple[list[Finding], list[str]]:
        """Hold the digests of a manifest against the files; which files of the container it covers."""
        out: list[Finding] = []
        covers: dict[str, None] = {}
        data = frozenset(self.parts.data)
        for reference in manifest.references:
            try:
                name = entry_of(reference.uri, self.box.entries)
                if name is None:
                    out.append(found("container_file_missing", name=reference.uri))
                    continue
                if name in data:
                    covers[name] = None
                doubts = check_digest(reference.digest, manifest.name)
                out += [d for d in doubts if d not in out]
                if not any(d.code == "algorithm_unknown" for d in doubts) and self._digest(name, reference.digest) != reference.value:
                    out.append(found("container_file_changed", name=name))
            except Damaged as exc:
                out.append(found("container_entry_damaged", name=reference.uri, detail=exc))
            except (BadManifest, ValueError) as exc:
                out.append(found("manifest_damaged", name=manifest.name, detail=exc))
        return out, list(covers)

    def _digester(self, name: str) -> Digester:
        return lambda algorithm: self._digest(name, algorithm)

    def _digest(self, name: str, algorithm: str) -> bytes:
        if (name, algorithm) not in self.digests:
            state = hashlib.new(algorithm)
            for chunk in self.box.chunks(name):
                state.update(chunk)
            self.digests[name, algorithm] = state.digest()
        return self.digests[name, algorithm]

    def _orphans(self) -> list[SignatureReport]:
        """Manifests whose signature is gone."""
        out = []
        for manifest in self.parts.manifests.values():
            try:
                there = entry_of(manifest.signature, self.box.entries)
            except BadManifest:
                there = None
            if there is None or there not in (*self.parts.signatures, *self.parts.stamps, *self.parts.xml, *(n for _, n in self.parts.foreign)):
                out.append(SignatureReport((*self.general, found("container_signature_missing", name=manifest.name)), field=manifest.signature))
        return out


_NOT_WHOLE = frozenset({"digest_mismatch", "container_file_changed", "container_file_missing", "container_entry_damaged"})


def _first(box: Container, name: str, most: int) -> list[bytes]:
    out: list[bytes] = []
    for chunk in box.chunks(name):
        out.append(chunk)
        if sum(map(len, out)) >= most:
            break
    return out


def _numbered(reports: Sequence[SignatureReport], before: int) -> list[SignatureReport]:
    """Counter-signatures name the place of theirs in the list of all."""
    return [r if r.counter_signs is None else replace(r, counter_signs=r.counter_signs + before) for r in reports]


def _check_type(box: Container, parts: Parts) -> list[Finding]:
    """What the container says of itself: nothing of that is protected, and it must not contradict what is inside."""
    out = [found("container_unprotected")]
    told = box.comment.removeprefix(b"mimetype=").strip() if box.comment else None
    if "mimetype" in box.entries:
        try:
            told = box.read("mimetype", 1024).strip()
        except Damaged as exc:
            return [*out, found("container_entry_damaged", name="mimetype", detail=exc)]
        first = min(box.entries.values(), key=lambda e: e.header)
        if first.name != "mimetype" or first.method != 0:
            out.append(found("container_extra", name="mimetype"))
    if told is not None and "mimetype" in box.entries and told not in _TYPES:
        out.append(found("container_irregular", detail=f"mimetype {told.decode('ascii', 'replace')}"))
    if _TYPES.get(told or b"") == "s" and len(parts.data) != 1:
        out.append(found("container_irregular", detail=f"ASiC-S: {len(parts.data)}"))
    named = {r.uri for m in parts.manifests.values() for r in m.references}
    for name in parts.other:
        if name in _INFORMATION:
            out.append(found("container_extra", name=name))
        elif name not in named:
            out.append(found("container_not_covered", name=name))
    return out


def _say_uncovered(reports: list[SignatureReport], parts: Parts) -> list[SignatureReport]:
    """Files that no signature covers leave doubt on every one; files that only another covers are told."""
    if not any(r.covers for r in reports) and any(f.code == "kind_unknown" for r in reports for f in r.findings):
        return reports  # what those cover, nobody here can say
    kinds = {r.kind for r in reports if r.covers}
    kind = "signature" if "signature" in kinds else "timestamp"
    covered = {name for r in reports if r.kind == kind for name in r.covers}
    bare = [name for name in parts.data if name not in covered]
    out = []
    for report in reports:
        findings = [found("container_not_covered", name=_some(bare))] if bare else []
        others = [name for name in parts.data if name in covered and name not in report.covers]
        if others and report.kind == "signature":
            findings.append(found("container_part", name=_some(others)))
        out.append(replace(report, findings=(*report.findings, *findings)))
    return out


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" … ({len(names)})" if len(names) > 5 else "")
