"""XML signatures (W3C XML Signature 1.1) read so that only what is signed is ever looked at.

One parser, told to know no document type, no entities and no network; canonical forms by libxml2.  What a signature covers is read anew from the
canonical bytes that were verified, never from the file, so nothing can be wrapped around it, and comments cannot split it.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from asn1crypto import algos, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from agent.verification.digestinfo import signs_without_null
from agent.verification.manifest import DIGEST_URIS

Element: TypeAlias = Any
"""An element of lxml, which has no types."""

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_EXCLUSIVE: Final = "{http://www.w3.org/2001/10/xml-exc-c14n#}"
_IDS: Final = ("Id", "ID", "id", f"{_XML}id")
_REFERENCES_MAX: Final = 10_000
_TEXT_MAX: Final = 16 * 1024 * 1024

_PLAIN = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N: Mapping[str, tuple[bool, bool]] = {
    _PLAIN: (False, False),
    f"{_PLAIN}#WithComments": (False, True),
    "http://www.w3.org/2006/12/xml-c14n11": (False, False),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": (False, True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": (True, False),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": (True, True),
}
"""Canonical forms: exclusive, with comments.  1.0 and 1.1 differ only in xml: attributes of ancestors, and those are refused."""

_MORE, _MORE07 = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2007/05/xmldsig-more#"
METHODS: Mapping[str, tuple[str, str]] = {
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": ("rsa", "sha1"),
    f"{_MORE}rsa-md5": ("rsa", "md5"),
    **{f"{_MORE}rsa-{name}": ("rsa", name) for name in ("sha224", "sha256", "sha384", "sha512")},
    **{f"{_MORE}ecdsa-{name}": ("ecdsa", name) for name in ("sha1", "sha224", "sha256", "sha384", "sha512")},
    **{f"{_MORE07}{name}-rsa-MGF1": ("pss", name) for name in ("sha1", "sha224", "sha256", "sha384", "sha512")},
}
"""Signature methods: family and digest.  What stands in no row is unknown."""
_HASHES: Mapping[str, Any] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}  # fmt: skip


class BadXml(ValueError):
    """Not XML, or not a signature, that can be relied on."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing a signature is over."""

    uri: str
    transforms: tuple[tuple[str, tuple[str, ...]], ...]
    """Algorithm and inclusive prefixes of each."""
    digest: str
    """The algorithm, as the policy knows it; an unknown one by its URI."""
    value: bytes


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What the signature value is over."""

    canonical: bytes
    method: str
    references: tuple[Reference, ...]


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False)


def parse(data: bytes) -> Element:
    """The root of an XML file in UTF-8 without document type; raises `BadXml`."""
    if b"\0" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadXml("encoding")
    declared = re.match(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", data)
    if declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise BadXml("encoding")
    if re.search(rb"<!DOCTYPE|<!ENTITY", data):
        raise BadXml("DOCTYPE")
    try:
        data.decode("utf-8")
        return etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise BadXml("XML") from exc


def elements(holder: Element) -> list[Element]:
    """The children that are elements; comments and instructions mean nothing here, text between elements must be white."""
    out = []
    for text in (holder.text, *(child.tail for child in holder)):
        if text and text.strip(" \t\r\n"):
            raise BadXml(f"text in {_local(holder)}")
    for child in holder:
        if isinstance(child.tag, str):
            out.append(child)
    return out


def _local(element: Element) -> str:
    return str(etree.QName(element).localname)


def only(holder: Element, tag: str) -> Element | None:
    """The one child of that name, None where there is none; raises `BadXml` for two."""
    there = [child for child in holder if child.tag == tag]
    if len(there) > 1:
        raise BadXml(f"{tag.rpartition('}')[2]} ×{len(there)}")
    return there[0] if there else None


def needed(holder: Element, tag: str) -> Element:
    """The one child of that name; raises `BadXml`."""
    child = only(holder, tag)
    if child is None:
        raise BadXml(tag.rpartition("}")[2])
    return child


def text_of(element: Element) -> str:
    """The text of an element that holds nothing else; raises `BadXml`."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            raise BadXml(_local(element))
        parts.append(child.tail or "")
    return "".join(parts)


def octets(element: Element) -> bytes:
    """Base64 in its one form, white space aside; raises `BadXml`."""
    text = "".join(text_of(element).split())
    if len(text) > _TEXT_MAX:
        raise BadXml(_local(element))
    try:
        out = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadXml(_local(element)) from exc
    if base64.b64encode(out).decode("ascii") != text:
        raise BadXml(_local(element))
    return out


def canonical(element: Element, algorithm: str = _PLAIN, prefixes: Sequence[str] = ()) -> bytes:
    """The canonical form of an element where it stands; raises `BadXml` for another algorithm, and where its ancestors would change its meaning."""
    form = C14N.get(algorithm)
    if form is None:
        raise BadXml(f"c14n {algorithm}")
    if any(str(name).startswith(_XML) for above in element.iterancestors() for name in above.attrib):
        raise BadXml("xml: attribute")
    alone = etree.fromstring(etree.tostring(element, with_tail=False), _parser())  # with the namespaces that are in scope, and nothing else
    exclusive, comments = form
    return bytes(
        etree.tostring(
            alone, method="c14n", exclusive=exclusive, with_comments=comments, inclusive_ns_prefixes=(list(prefixes) or None) if exclusive else None
        )
    )


def canonicalization(holder: Element | None) -> tuple[str, tuple[str, ...]]:
    """Algorithm and inclusive prefixes of a CanonicalizationMethod or Transform; the default without one."""
    if holder is None:
        return _PLAIN, ()
    inclusive = only(holder, f"{_EXCLUSIVE}InclusiveNamespaces")
    if any(child is not inclusive for child in elements(holder)):
        raise BadXml(_local(holder))
    return holder.get("Algorithm") or "", tuple((inclusive.get("PrefixList") or "").split()) if inclusive is not None else ()


def with_id(root: Element, name: str) -> Element:
    """The one element of the file with that id, however its attribute is written; raises `BadXml` for none and for several."""
    there = [e for e in root.iter() if isinstance(e.tag, str) and any(e.get(a) == name for a in _IDS)]
    if len(there) != 1:
        raise BadXml(f"#{name} ×{len(there)}")
    return there[0]


def signed_info(signature: Element) -> SignedInfo:
    """What the signature value is over, read from its canonical form; raises `BadXml`."""
    element = needed(signature, f"{DS}SignedInfo")
    algorithm, prefixes = canonicalization(needed(element, f"{DS}CanonicalizationMethod"))
    data = canonical(element, algorithm, prefixes)
    verified = parse(data)
    references = tuple(_references(verified))
    if not references or len(references) > _REFERENCES_MAX:
        raise BadXml(f"Reference ×{len(references)}")
    method = needed(verified, f"{DS}SignatureMethod")
    if elements(method):
        raise BadXml("SignatureMethod")  # HMACOutputLength and parameters of one's own
    return SignedInfo(data, method.get("Algorithm") or "", references)


def _references(info: Element) -> Iterator[Reference]:
    for child in elements(info):
        if child.tag == f"{DS}Reference":
            yield _reference(child)
        elif child.tag not in (f"{DS}CanonicalizationMethod", f"{DS}SignatureMethod"):
            raise BadXml(_local(child))


def _reference(element: Element) -> Reference:
    parts = [child.tag for child in elements(element)]
    if set(parts) - {f"{DS}Transforms", f"{DS}DigestMethod", f"{DS}DigestValue"}:
        raise BadXml("Reference")
    transforms = only(element, f"{DS}Transforms")
    steps = [] if transforms is None else elements(transforms)
    if any(step.tag != f"{DS}Transform" for step in steps):
        raise BadXml("Transforms")
    uri, digest = element.get("URI"), needed(element, f"{DS}DigestMethod").get("Algorithm") or ""
    if uri is None:
        raise BadXml("Reference without URI")
    return Reference(
        uri, tuple(_transform(s) for s in steps), DIGEST_URIS.get(digest, digest), octets(needed(element, f"{DS}DigestValue"))
    )  # fmt: skip


def _transform(step: Element) -> tuple[str, tuple[str, ...]]:
    """A canonical form with its prefixes; any other transform by its name alone, which nothing here accepts."""
    algorithm = step.get("Algorithm") or ""
    return canonicalization(step) if algorithm in C14N else (algorithm, ())


def algorithm_of(method: str) -> tuple[algos.SignedDigestAlgorithm, str] | None:
    """A signature method as CMS would name it, for the policy, and its digest; None for one that is not known."""
    known = METHODS.get(method)
    if known is None:
        return None
    family, digest = known
    if family != "pss":
        return algos.SignedDigestAlgorithm({"algorithm": f"{digest}_{family}"}), digest
    mask = {"algorithm": "mgf1", "parameters": {"algorithm": digest}}
    parameters = {"hash_algorithm": {"algorithm": digest}, "mask_gen_algorithm": mask, "salt_length": _HASHES[digest].digest_size}
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)}), digest


def is_signed_by(certificate: x509.Certificate, method: str, data: bytes, value: bytes) -> bool:
    """Whether `value` is the certificate's signature over `data`; raises KeyError for a method that is not known, ValueError for an odd key."""
    family, name = METHODS[method]
    digest = _HASHES[name]()
    key = serialization.load_der_public_key(certificate.public_key.dump())
    try:
        if family == "ecdsa":
            if not isinstance(key, ec.EllipticCurvePublicKey) or len(value) != 2 * ((key.curve.key_size + 7) // 8):
                return False
            half = len(value) // 2
            numbers = (int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
            key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(digest))
            return True
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if family == "pss":
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
        key.verify(value, data, scheme, digest)
    except InvalidSignature:
        return family == "rsa" and signs_without_null(key, name, data, value)
    return True
