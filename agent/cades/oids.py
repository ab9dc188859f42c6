"""Object identifiers of our own, under 2.25 (ITU-T X.667: a UUID needs no registration).  Fixed for ever, and only here."""

from typing import Final

STATEMENT: Final = "2.25.243638705681473783441996732313440522025"
"""eContentType of a statement: no document is ever signed with it, so no document's signature can pass as a decision, nor the reverse."""
WITNESS: Final = "2.25.104806310843314962966264210875836484588"
"""Signed attribute by which a document's signature names the entry of the ledger that allowed it."""
