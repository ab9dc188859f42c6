"""Small files that commands read and write: certificates, requests."""

import base64
import errno
import os
import tempfile
from contextlib import suppress

from agent.api.errors import ApiError, Code
from tokens import platform

_LARGEST = 1 << 20
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system without hard links says (FAT and exFAT, as on USB sticks)."""


def read_small(path: str) -> bytes:
    """A small file's bytes; raises `ApiError` (input_unusable)."""
    try:
        with open(path, "rb") as file:
            found = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=path) from None
    except IsADirectoryError:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_file", name=path) from None
    except OSError as error:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=path, detail=error.strerror) from None
    if not found:
        raise ApiError(Code.INPUT_UNUSABLE, reason="empty", name=path)
    if len(found) > _LARGEST:
        raise ApiError(Code.INPUT_UNUSABLE, reason="too_large", name=path, limit=_LARGEST)
    return found


def as_pem(raw: bytes, kind: str) -> str:
    """PEM text of what is PEM already or DER (RFC 7468); `kind` as in CERTIFICATE or CERTIFICATE REQUEST."""
    if b"-----BEGIN" in raw:
        return raw.decode("ascii", "replace")
    body = base64.encodebytes(raw).decode()  # 76 columns where RFC 7468 generates 64: parsers take both
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n"


def check_output(path: str, force: bool) -> None:
    """Refuse, before a PIN is asked for, an output that exists or whose folder does not take it; raises `ApiError`."""
    if os.path.lexists(path) and not force:
        raise ApiError(Code.OUTPUT_EXISTS, name=path)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ApiError(Code.OUTPUT_UNWRITABLE, name=path, detail=os.strerror(errno.EACCES if os.path.isdir(folder) else errno.ENOENT))


def publish(path: str, data: bytes, force: bool) -> None:
    """Write a whole file or none: staged in the same folder, synced, and put in place without clobber unless `force`.  Raises `ApiError`."""
    folder = os.path.dirname(path) or "."
    staged = None
    try:
        fd, staged = tempfile.mkstemp(prefix=".yinxin-", dir=folder)
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            with suppress(PermissionError):  # nor has it modes
                os.fchmod(fd, 0o644)
            os.fsync(fd)
        if force:
            os.replace(staged, path)
        else:
            try:
                os.link(staged, path)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                platform.rename_new(staged, path)
    except FileExistsError:
        raise ApiError(Code.OUTPUT_EXISTS, name=path) from None
    except OSError as error:
        raise ApiError(Code.OUTPUT_UNWRITABLE, name=path, detail=error.strerror) from None
    finally:
        if staged is not None:
            with suppress(FileNotFoundError):
                os.unlink(staged)
