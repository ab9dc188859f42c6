"""What is known of makes and models beyond what a module says of itself: data, looked up by `profile_of`.

Rows are read from the top and the first that fits counts; a row with a maker or model fits only a token that was seen.  What no
row says is taken from the token itself (mechanisms, flags, attributes), so an unknown make works without a row.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from os.path import basename, realpath

from tokens.types import ModuleRef, Token
from tokens.vendors import VENDORS

NETWORK = "YINXIN_NETWORK"
"""A module added with this variable set to "allow" gets the network, whatever its profile says."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A make or model and its quirks; the defaults are what an unknown one gets."""

    name: str
    zh: str
    en: str
    modules: tuple[str, ...] = ()
    """Patterns of the module's file name (fnmatch, lower case)."""
    manufacturer: str = ""
    """Pattern of the token's manufacturer (fnmatch, case ignored); with `model` it makes this the row of one kind of token."""
    model: str = ""
    exclusive: bool = False
    """Only one process can have the token open: no watching while a session is open."""
    network: bool = False
    """The module speaks to its device over TCP; every other module's host is denied the network."""
    deadlines: tuple[tuple[str, float], ...] = ()
    """Fields of `tokens.hosts.Deadlines` that this make needs longer, in seconds."""
    all_usages: bool = False
    """C_GenerateKeyPair wants SIGN, VERIFY, ENCRYPT and DECRYPT together (facts.md: TPM 2.0)."""
    init_args: str | None = None
    """Parameter string of C_Initialize where the user gave none; `{home}` stands for the user's home."""
    reinitialise: bool = True
    """Whether a new C_Initialize may be tried to find a token that does not show otherwise (slow or disturbing with some)."""
    asks_each_time: tuple[bytes, ...] = ()
    """CKA_IDs of keys that want the PIN at every signature, told before login (PIV 9C)."""
    sees_pin_counts: bool = True
    """Whether the flags tell low, final try and locked before the token locks; where not, its PIN's state is unknown while no flag is set."""
    events: bool | None = None
    """Whether C_WaitForSlotEvent tells of insertion; None: try it."""
    locking: bool = True
    """Whether C_Initialize asks for OS locking.  OpenSC (0.23 to 0.27) leaves a mutex locked once a card was pulled (sc_unlock) and then waits for
    itself for ever; a host calls its module from one thread, and OpenSC starts none, so it needs no locks here."""
    memory_mib: int = 2048
    """Address space of a host of this module."""
    tried: bool = False
    """Whether this row was tried by us, and not only read."""


GENERIC = Profile("generic", "通用", "generic")

PROFILES: tuple[Profile, ...] = (
    Profile(
        "softhsm2", "SoftHSM2（软件模拟）", "SoftHSM2 (software)", ("libsofthsm2*.so*",),
        events=False, tried=True,
    ),
    # PIV cards before other cards of OpenSC: the signature key (9C, CKA_ID 02) asks each time, and a card is read slowly.
    Profile(
        "opensc-piv", "PIV 卡（OpenSC）", "PIV card (OpenSC)", ("opensc-pkcs11.so*", "libopensc-pkcs11.so*"), manufacturer="piv_*",
        asks_each_time=(b"\x02",), deadlines=(("list", 20.0),), events=True, locking=False,
        tried=True,
    ),
    Profile(
        "opensc", "OpenSC", "OpenSC", ("opensc-pkcs11.so*", "onepin-opensc-pkcs11.so*"), deadlines=(("list", 20.0),), events=True,
        locking=False, tried=True,
    ),
    Profile(
        "ykcs11", "YubiKey PIV", "YubiKey PIV", ("libykcs11*.so*",), asks_each_time=(b"\x02",), deadlines=(("load", 45.0), ("list", 30.0)),
        reinitialise=False, events=False,
    ),
    Profile(
        "nss", "NSS 软件库", "NSS softokn", ("libsoftokn3.so*",),
        init_args="configdir='sql:{home}/.pki/nssdb' certPrefix='' keyPrefix='' secmod='secmod.db' flags=",
        events=False, tried=True,
    ),
    Profile(
        "tpm2", "TPM 2.0", "TPM 2.0", ("libtpm2_pkcs11*.so*",), all_usages=True,
        sees_pin_counts=False, events=False, deadlines=(("list", 30.0), ("generate", 600.0)), tried=True,
    ),
    Profile(
        "opencryptoki", "openCryptoki", "openCryptoki", ("libopencryptoki.so*", "pkcs11_api.so*"), events=False,
    ),
    # Devices behind a network; their makers' clients connect by TCP, to the device or to a service on this machine.
    Profile("yubihsm", "YubiHSM 2", "YubiHSM 2", ("yubihsm_pkcs11.so*",), network=True),
    Profile("luna", "Thales Luna 密码机", "Thales Luna HSM", ("libcryptoki2*.so*",), network=True, deadlines=(("load", 60.0),)),
    Profile("ncipher", "nShield 密码机", "Entrust nShield HSM", ("libcknfast*.so*",), network=True, deadlines=(("load", 60.0),)),
    Profile("utimaco", "Utimaco 密码机", "Utimaco HSM", ("libcs_pkcs11*.so*",), network=True, deadlines=(("load", 60.0),)),
    Profile("cloudhsm", "AWS CloudHSM", "AWS CloudHSM", ("libcloudhsm_pkcs11*.so*",), network=True, deadlines=(("load", 60.0),), memory_mib=8192),
)  # fmt: skip


def profile_of(ref: ModuleRef, token: Token | None = None) -> Profile:
    """The first row that fits the module and, if given, the token; a maker's name from `tokens.vendors` without quirks; `GENERIC`."""
    file = basename(realpath(ref.path)).lower()
    found = next((row for row in PROFILES if _fits(row, file, basename(ref.path).lower(), token)), None)
    return found or _maker(ref.path) or GENERIC


def network_allowed(ref: ModuleRef) -> bool:
    """Whether hosts of this module may open internet sockets."""
    return profile_of(ref).network or dict(ref.env).get(NETWORK) == "allow"


def init_args_of(ref: ModuleRef, home: str) -> str | None:
    """The parameter string of C_Initialize: the user's own, else the profile's."""
    given = ref.init_args if ref.init_args is not None else profile_of(ref).init_args
    return given.replace("{home}", home) if given is not None and ref.init_args is None else given


def _fits(row: Profile, file: str, name: str, token: Token | None) -> bool:
    if row.modules and not any(fnmatchcase(file, pattern) or fnmatchcase(name, pattern) for pattern in row.modules):
        return False
    if not row.manufacturer and not row.model:
        return bool(row.modules)
    if token is None:
        return False
    wanted = ((row.manufacturer, token.manufacturer), (row.model, token.model))
    return all(not pattern or fnmatchcase(value.lower(), pattern.lower()) for pattern, value in wanted)


def _maker(path: str) -> Profile | None:
    file = basename(path)
    for vendor in VENDORS:
        if any(basename(place) == file for place in vendor.paths):
            return Profile(vendor.name, vendor.zh, vendor.en)
    return None
