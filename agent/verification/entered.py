"""What a signature brings by which a ledger knows it: the witness among its signed attributes, and the digest of what the token was asked to sign."""

import hashlib
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms, core

from agent.cades import oids
from agent.verification.der import in_order

MALFORMED = "malformed"
"""Stands for a witness that is there more than once, or is no single value."""


@dataclass(frozen=True, slots=True)
class Entered:
    """All in hexadecimal."""

    witness: str | None
    """The value of the attribute as it is encoded; None where there is none, `MALFORMED` where there are several."""
    attributes: str
    """SHA-256 of the signed attributes: they are made once for each document, and noted before the token is asked."""
    signature: str
    """SHA-256 of the signature value."""

    def to_wire(self) -> dict[str, Any]:
        """A flat object."""
        return {"witness": self.witness, "attributes": self.attributes, "signature": self.signature}


def entered(signer_info: cms.SignerInfo) -> Entered | None:
    """What `signer_info` brings; None where it has no signed attributes."""
    attributes = signer_info["signed_attrs"]
    if isinstance(attributes, core.Void):
        return None
    written = bytes(attributes.untag().dump())
    values = [value for attribute in attributes if attribute["type"].dotted == oids.WITNESS for value in attribute["values"]]
    witness = None if not values else values[0].dump().hex() if len(values) == 1 else MALFORMED
    signed = in_order(written) or written
    return Entered(witness, hashlib.sha256(signed).hexdigest(), hashlib.sha256(signer_info["signature"].native).hexdigest())
