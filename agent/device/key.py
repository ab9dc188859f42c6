"""A device key in use: it signs, and says how well it is kept."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tokens.types import SignatureScheme


class Level(StrEnum):
    """Where a device key lies, best first."""

    TOKEN = "token"
    """On a token or TPM: it cannot be copied."""
    KEYRING = "keyring"
    """In a file that only a secret in the desktop's keyring opens."""
    FILE = "file"
    """In a 0600 file: whoever may read this user's files has it."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """What signs for this device, with its self-signed certificate."""

    id: str
    """The device's name in statements; it stays when the key is renewed."""
    level: Level
    certificate: bytes
    """DER."""
    scheme: SignatureScheme
    _sign: Callable[[bytes], Awaitable[bytes]]

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`: a DER Ecdsa-Sig-Value (RSA octets where a token has nothing else)."""
        return await self._sign(data)

    def __repr__(self) -> str:
        return f"DeviceKey({self.id}, {self.level})"

    def told(self) -> dict[str, str]:
        """As statements name it: {id, certificate (base64 DER), level}."""
        return {"id": self.id, "certificate": base64.b64encode(self.certificate).decode("ascii"), "level": self.level.value}


def in_memory(id: str, level: Level, certificate: bytes, private: ec.EllipticCurvePrivateKey) -> DeviceKey:
    """A P-256 key that this process holds."""
    with_digest = ec.ECDSA(hashes.SHA256())

    async def sign(data: bytes) -> bytes:
        return private.sign(data, with_digest)

    return DeviceKey(id, level, certificate, SignatureScheme.ECDSA_SHA256, sign)
