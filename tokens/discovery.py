"""Which PKCS#11 modules this machine has: p11-kit's configuration, well-known places of makers, and what the user added.

Nothing is loaded here.  Each real file appears once, in the order emulated, added, p11-kit, known: the emulated token uses the
very library that Debian registers with p11-kit as ``softhsm2``, but with our configuration, since /etc/softhsm is closed to users.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tokens.module_file import digest_of
from tokens.types import ModuleRef
from tokens.vendors import LIBRARY_FOLDERS, VENDORS, Vendor

PROGRAM = "yinxin"
"""Our name for p11-kit's ``enable-in`` and ``disable-in``."""

_CONFIG_MAX = 64 * 1024
NOT_TOKENS = ("p11-kit-trust", "p11-kit-proxy", "p11-kit-client", "libnssckbi")
"""Certificate stores and p11-kit's own doors to modules that we see anyway."""


def config_folders() -> tuple[Path, ...]:
    """Where p11-kit reads ``*.module`` files, strongest last (p11-kit's pkcs11.conf(5))."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return (Path("/usr/share/p11-kit/modules"), Path("/etc/pkcs11/modules"), Path(home) / "pkcs11/modules")


def module_folders() -> tuple[str, ...]:
    """Where a relative ``module:`` name is looked for (p11-kit's p11_module_path)."""
    return tuple(folder + "/pkcs11" for folder in LIBRARY_FOLDERS)


def parse(text: str) -> dict[str, str]:
    """The ``name: value`` lines of a p11-kit configuration file; comments and what is no such line are passed over."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and not name.lstrip().startswith("#") and name.strip():
            values[name.strip()] = value.strip()
    return values


def enabled(values: Mapping[str, str], program: str = PROGRAM) -> bool:
    """Whether p11-kit's ``enable-in`` and ``disable-in`` let `program` use the module."""
    if "enable-in" in values:
        return program in _words(values["enable-in"])
    return program not in _words(values.get("disable-in", ""))


def _words(value: str) -> list[str]:
    return value.replace(",", " ").split()


def configured(folders: Iterable[Path], places: Sequence[str]) -> Iterator[ModuleRef]:
    """Modules in p11-kit's files; a file of the same name in a stronger folder is laid over the weaker one."""
    merged: dict[str, dict[str, str]] = {}
    for folder in folders:
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == ".module")
        except OSError:
            continue
        for file in files:
            try:
                with file.open("rb") as stream:
                    text = stream.read(_CONFIG_MAX).decode("utf-8", errors="surrogateescape")
            except OSError:
                continue
            merged.setdefault(file.stem, {}).update(parse(text))
    for name, values in merged.items():
        module = values.get("module", "")
        if not module or "\0" in module or not enabled(values):
            continue
        path = next((found for found in _candidates(module, places) if os.path.isfile(found)), None)
        if path is not None:
            # x-init-reserved is p11-kit's word for the parameter string of C_Initialize.
            yield ModuleRef(name, path, "p11-kit", init_args=values.get("x-init-reserved"))


def _candidates(module: str, places: Sequence[str]) -> list[str]:
    return [module] if os.path.isabs(module) else [os.path.join(place, module) for place in places]


def known(vendors: Iterable[Vendor] = VENDORS, folders: Sequence[str] = LIBRARY_FOLDERS) -> Iterator[ModuleRef]:
    """The first existing file of each maker's module."""
    for vendor in vendors:
        places = (place.replace("{lib}", folder) for place in vendor.paths for folder in (folders if "{lib}" in place else ("",)))
        path = next((place for place in places if os.path.isfile(place)), None)
        if path is not None:
            yield ModuleRef(vendor.name, path, "known")


def discover(
    emulated: ModuleRef | None,
    added: Sequence[ModuleRef] = (),
    *,
    folders: Iterable[Path] | None = None,
    places: Sequence[str] | None = None,
    vendors: Iterable[Vendor] = VENDORS,
) -> tuple[ModuleRef, ...]:
    """Every module once, by its real path; names made unique by a number.

    An added module stays listed when its file is gone, so that the user learns why it does nothing.  `folders`, `places`, `vendors`
    replace the system's own for tests.
    """
    everything = [
        *((emulated,) if emulated else ()),
        *added,
        *configured(config_folders() if folders is None else folders, module_folders() if places is None else places),
        *known(vendors),
    ]
    names: set[str] = set()
    found: list[ModuleRef] = []
    for ref in everything:
        if os.path.basename(os.path.realpath(ref.path)).startswith(NOT_TOKENS) or ref.name in NOT_TOKENS:
            continue
        if not any(_twice(ref, earlier) for earlier in found):
            found.append(_named(ref, names))
    return tuple(found)


def _twice(ref: ModuleRef, earlier: ModuleRef) -> bool:
    """Whether `ref` is what is listed already: the same file, or a copy of it of the same name that the system brought.

    An added module may be the same library with another configuration (a second SoftHSM2, NSS with another database).
    """
    brought = ref.origin in ("p11-kit", "known")
    if not brought and (ref.init_args, ref.env) != (earlier.init_args, earlier.env):
        return False
    try:
        one, other = os.stat(ref.path), os.stat(earlier.path)
        if os.path.samestat(one, other):
            return True
        alike = os.path.basename(ref.path) == os.path.basename(earlier.path) and one.st_size == other.st_size
        return brought and alike and digest_of(ref.path) == digest_of(earlier.path)
    except OSError:
        return os.path.realpath(ref.path) == os.path.realpath(earlier.path)


def _named(ref: ModuleRef, names: set[str]) -> ModuleRef:
    name, number = ref.name, 2
    while name in names:
        name, number = f"{ref.name}-{number}", number + 1
    names.add(name)
    return ref if name == ref.name else ModuleRef(name, ref.path, ref.origin, ref.init_args, ref.env, ref.sha256)
