"""ASiC manifests (EN 319 162-1 annex A): which signature a manifest belongs to, and the digests of the files it names."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree as ET

MANIFEST_MAX = 4 * 1024 * 1024
_ASIC = "{http://uri.etsi.org/02918/v1.2.1#}"
_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_TRUE = ("true", "1")

DIGEST_URIS: Mapping[str, str] = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#sha224": "sha224",
    "http://www.w3.org/2001/04/xmldsig-more#md5": "md5",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-256": "sha3_256",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-384": "sha3_384",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-512": "sha3_512",
}
"""Digest algorithms by their XML names, as the policy knows them."""


class BadManifest(ValueError):
    """Not a manifest that can be relied on."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One file a manifest names."""

    uri: str
    digest: str
    """The algorithm, as the policy knows it; an unknown one by its URI."""
    value: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest says."""

    name: str
    signature: str
    """URI of the signature or time-stamp over it."""
    references: tuple[Reference, ...]


class _NoDoctype(ET.TreeBuilder):
    """Without a document type there are no entities, so nothing swells and nothing is read from elsewhere."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse it."""
        raise BadManifest("DOCTYPE")


def parse_manifest(name: str, data: bytes) -> Manifest:
    """Read the bytes of a manifest; raises `BadManifest`."""
    if re.search(rb"<!DOCTYPE|<!ENTITY", data):
        raise BadManifest("DOCTYPE")
    try:
        parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, hence no entities
        root = ET.fromstring(data, parser)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise BadManifest(str(exc) if isinstance(exc, BadManifest) else "XML") from exc
    if root.tag != f"{_ASIC}ASiCManifest":
        raise BadManifest("ASiCManifest")
    named = root.findall(f"{_ASIC}SigReference")
    if len(named) != 1 or not named[0].get("URI"):
        raise BadManifest("SigReference")
    for extension in root.iter(f"{_ASIC}Extension"):
        if (extension.get("Critical") or "").strip() in _TRUE:
            raise BadManifest("Critical")
    references = tuple(_reference(e) for e in root.findall(f"{_ASIC}DataObjectReference"))
    if not references:
        raise BadManifest("DataObjectReference")
    return Manifest(name, named[0].get("URI") or "", references)


def _reference(element: ET.Element) -> Reference:
    uri, method, value = element.get("URI"), element.findall(f"{_DSIG}DigestMethod"), element.findall(f"{_DSIG}DigestValue")
    if not uri or len(method) != 1 or len(value) != 1:
        raise BadManifest("DataObjectReference")
    algorithm = method[0].get("Algorithm") or ""
    try:
        digest = base64.b64decode("".join((value[0].text or "").split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadManifest("DigestValue") from exc
    return Reference(uri, DIGEST_URIS.get(algorithm, algorithm), digest)


def entry_of(uri: str, names: Mapping[str, object]) -> str | None:
    """The entry a URI means: from the root of the container, written plainly or with escapes; None where there is none; raises `BadManifest`."""
    plain, escaped = uri.removeprefix("/"), unquote(uri).removeprefix("/")
    there = sorted({n for n in (plain, escaped) if n in names})
    if len(there) > 1:
        raise BadManifest(f"{uri} ×2")
    return there[0] if there else None
