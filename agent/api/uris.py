"""Paths on the wire: file URIs (RFC 8089) with percent-encoded bytes, so that names that are not UTF-8 survive."""

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes

from agent.api.errors import ApiError, Code

_PREFIX = "file://"


def to_uri(path: str | bytes | os.PathLike[str]) -> str:
    """The file URI of `path`, made absolute against the working folder; links are kept as they are.

    Raises `ApiError` (input_unusable) for a relative path where that folder is gone.
    """
    whole = os.fsencode(path)
    if not whole.startswith(b"/"):
        try:
            whole = os.path.join(os.getcwdb(), whole)
        except OSError:
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=os.fsdecode(path)) from None
    if b".." not in whole.split(b"/"):  # a textual a/link/../b would be another file than the kernel's
        whole = os.path.normpath(whole)
    return _PREFIX + quote_from_bytes(whole, safe="/")


def to_path(uri: str) -> str:
    """The path a file URI names (undecodable bytes as surrogates, see `os.fsdecode`); raises ValueError for anything but an absolute local one."""
    if not uri.startswith(_PREFIX):
        raise ValueError("not a file URI")
    host, slash, rest = uri[len(_PREFIX) :].partition("/")
    if host not in ("", "localhost") or not slash:
        raise ValueError("not a local file URI")
    path = b"/" + unquote_to_bytes(rest)  # a "//" at the start stays: POSIX lets it mean something else
    if b"\0" in path:
        raise ValueError("a path holds no NUL")
    return os.fsdecode(path)
