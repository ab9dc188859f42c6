"""RSA signatures whose DigestInfo leaves out the NULL of its algorithm: some national tokens write them, and RFC 4055 clause 2.1 has both accepted.

The libraries here know one form.  The other is built and compared whole, so nothing is parsed and nothing can hide in it.
"""

import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agent.cades.der import OCTET_STRING, SEQUENCE, oid, tlv

_OIDS: Mapping[str, str] = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}


def signs_without_null(key: object, name: str, data: bytes, value: bytes) -> bool:
    """Whether `value` is a PKCS#1 v1.5 signature over `data` in that form; `name` is asn1crypto's of the digest."""
    if name not in _OIDS or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        inside = key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return False
    return inside == tlv(SEQUENCE, tlv(SEQUENCE, oid(_OIDS[name])), tlv(OCTET_STRING, hashlib.new(name, data).digest()))
