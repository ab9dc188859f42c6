"""ASiC containers, CAdES signatures and time-stamp tokens, made for the tests."""

import asyncio
import base64
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from pyhanko.sign import signers
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.verification.conftest import NOW, Issued, Pki, stamper

MIME = {"s": "application/vnd.etsi.asic-s+zip", "e": "application/vnd.etsi.asic-e+zip"}
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def cades(
    pki: Pki, content: bytes, signer: Issued | None = None, *, detached: bool = True, stamped: Any = None, plain: bool = False, when: datetime = NOW
) -> bytes:
    """A CAdES signature (DER) over `content`, made at `when` as it says itself."""
    who = signer or pki.signer
    store = SimpleCertificateStore.from_certs([pki.ca.asn1])
    simple = signers.SimpleSigner(signing_cert=who.asn1, signing_key=who.asn1_key, cert_registry=store)
    claims = PdfCMSSignedAttributes(signing_time=when)
    made = asyncio.run(
        simple.async_sign_general_data(content, "sha256", detached=detached, use_cades=not plain, timestamper=stamped, signed_attr_settings=claims)
    )
    return bytes(made.dump())


def token(pki: Pki, content: bytes, when: datetime = NOW, authority: Issued | None = None) -> bytes:
    """A time-stamp token (DER) over `content`."""
    service = stamper(authority or pki.tsa, [pki.ca], when)
    return bytes(asyncio.run(service.async_timestamp(hashlib.sha256(content).digest(), "sha256")).dump())


def manifest(signature: str, files: Sequence[tuple[str, bytes]], *, extra: str = "", method: str = SHA256, name: str = "sha256") -> bytes:
    """An ASiCManifest naming `signature` and the digests of `files`."""
    xmlns = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
    rows = "".join(
        f'<asic:DataObjectReference URI={quoteattr(uri)}><ds:DigestMethod {xmlns} Algorithm="{method}"/>'
        f"<ds:DigestValue {xmlns}>{base64.b64encode(hashlib.new(name, data).digest()).decode()}</ds:DigestValue>"
        f"</asic:DataObjectReference>"
        for uri, data in files
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{extra}<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#">'
        f'<asic:SigReference URI="{signature}" MimeType="application/pkcs7-signature"/>{rows}</asic:ASiCManifest>'
    ).encode()


@dataclass
class Box:
    """The entries of a container, in their order; `data()` packs them."""

    entries: list[tuple[str, bytes]] = field(default_factory=list)
    stored: tuple[str, ...] = ("mimetype",)
    comment: bytes = b""

    def put(self, name: str, data: bytes) -> "Box":
        """With the entry added, or in the place of the one it had."""
        names = [n for n, _ in self.entries]
        if name in names:
            self.entries[names.index(name)] = (name, data)
        else:
            self.entries.append((name, data))
        return self

    def drop(self, name: str) -> "Box":
        """Without it."""
        self.entries = [e for e in self.entries if e[0] != name]
        return self

    def data(self) -> bytes:
        """The ZIP file."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as packed:
            packed.comment = self.comment
            for name, data in self.entries:
                info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
                info.compress_type = zipfile.ZIP_STORED if name in self.stored else zipfile.ZIP_DEFLATED
                packed.writestr(info, data)
        return out.getvalue()


def simple(pki: Pki, content: bytes = b"drawing\n" * 50, name: str = "图纸.dwg", **options: Any) -> Box:
    """ASiC-S with one CAdES signature."""
    return Box([("mimetype", MIME["s"].encode()), (name, content), ("META-INF/signature.p7s", cades(pki, content, **options))])


def extended(pki: Pki, files: Sequence[tuple[str, bytes]] = (("a.dwg", b"A" * 300), ("b.txt", b"B" * 300)), **options: Any) -> Box:
    """ASiC-E with one CAdES signature over all files."""
    named = manifest("META-INF/signature001.p7s", files)
    return Box(
        [
            ("mimetype", MIME["e"].encode()), *files, ("META-INF/ASiCManifest001.xml", named),
            ("META-INF/signature001.p7s", cades(pki, named, **options)),
        ]
    )  # fmt: skip
