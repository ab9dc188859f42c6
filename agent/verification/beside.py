"""Which files stand beside another one as its signatures.  Nothing is opened."""

import os
from typing import Final

STAMPS: Final = (".tst", ".tsr")
"""Time-stamps (RFC 3161) over the file of the same name without them."""
_BESIDE: Final = (".p7s", ".P7S", *STAMPS, *(e.upper() for e in STAMPS))
"""A file's signatures and time-stamps stand beside it under its whole name with one of these."""


def beside_of(file: str) -> list[str]:
    """The signature and time-stamp files that stand beside `file` under its whole name."""
    out: list[str] = []
    for path in (file + ext for ext in _BESIDE):
        if os.path.isfile(path) and not any(os.path.samefile(path, known) for known in out):
            out.append(path)
    return out
