"""The emulated token: SoftHSM2 with a configuration and a token folder of our own, so that no rights in /etc are needed."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tokens import platform
from tokens.types import ModuleRef

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/lib/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
"""Where distributions put SoftHSM2."""

_CONFIGURATION = """\
# Written by Yinxin: SoftHSM2 as practice token of this home alone.
directories.tokendir = {tokens}
objectstore.backend = file
log.level = ERROR
slots.removable = false
slots.mechanisms = ALL
library.reset_on_fork = false
"""


_CONFIGURATION_LINE = 900
"""Bytes of a path that surely fit in SoftHSM2's buffer for a line, of 1024."""


def library(places: Sequence[str] = LIBRARIES) -> str | None:
    """The installed SoftHSM2 library, or None."""
    return next((place for place in places if os.path.isfile(place)), None)


def prepare(conf: Path, tokens: Path, *, places: Sequence[str] = LIBRARIES) -> ModuleRef | None:
    """Write SoftHSM2's configuration (0600) and make the token folder (0700), both only where they are not so already.

    None where SoftHSM2 is not installed.  Raises OSError, `tokens.platform.UnsafeFolder`.
    """
    found = library(places)
    if found is None:
        return None
    platform.private_folder(tokens)
    text = os.fsencode(_CONFIGURATION.format(tokens=_speakable(tokens)))
    if not conf.is_file() or conf.read_bytes() != text:
        conf.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = conf.with_name(conf.name + ".new")
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        os.replace(staging, conf)
    return ModuleRef(name="emulated", path=found, origin="emulated", env=(("SOFTHSM2_CONF", str(conf)),))


def _speakable(tokens: Path) -> Path:
    """`tokens`, or a link to it where SoftHSM2's configuration cannot hold its name: a value ends at `#` and at a length, and holds no `=`."""
    name = str(tokens)
    if not any(char in name for char in "#=\r\n") and len(os.fsencode(name)) < _CONFIGURATION_LINE:
        return tokens
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    link = platform.private_folder(Path(tempfile.gettempdir()) / f"yinxin-{os.getuid()}-tokens-{digest}") / "tokens"
    if not link.is_symlink() or os.readlink(link) != name:
        link.unlink(missing_ok=True)
        link.symlink_to(tokens)
    return link
