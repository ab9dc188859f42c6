"""The emulated token: SoftHSM2 with a configuration and a token folder of our own, so that no rights in /etc are needed."""

import os
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
    text = os.fsencode(_CONFIGURATION.format(tokens=tokens))
    if not conf.is_file() or conf.read_bytes() != text:
        conf.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = conf.with_name(conf.name + ".new")
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        os.replace(staging, conf)
    return ModuleRef(name="emulated", path=found, origin="emulated", env=(("SOFTHSM2_CONF", str(conf)),))
