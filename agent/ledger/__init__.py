"""The append-only record of every signature: a Merkle tree (RFC 9162) over canonical statements (RFC 8785)."""
