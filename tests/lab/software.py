"""NSS's softokn with a database of its own, and a TPM 2.0 by swtpm behind a resource manager on a bus of its own: nothing of the machine is used."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.lab.readers import neighbouring_ports
from tokens.types import ModuleRef

_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""
_LAID_OPEN = Path(__file__).resolve().parents[2] / "build" / "lab"
"""Where `make lab` lays packages open that would change the machine if they were installed."""


def _library(name: str) -> str | None:
    return next((str(path) for path in sorted(Path("/usr/lib").glob(f"*/{name}"))), None)


def nss_missing() -> str | None:
    """Why NSS cannot be tried here; None when it can."""
    if _library("libsoftokn3.so") is None:
        return "NSS is not installed (apt install libnss3)"
    return None if shutil.which("certutil") else "certutil is not installed (apt install libnss3-tools)"


def nss(folder: Path, pin: str) -> ModuleRef:
    """A fresh database with that PIN and, made by NSS's own certutil, an RSA-2048 and a P-256 key."""
    library = _library("libsoftokn3.so")
    assert library is not None
    database, password, noise = folder / "db", folder / "pw", folder / "noise"
    database.mkdir()
    password.write_text(pin + "\n")
    noise.write_bytes(os.urandom(256))
    common = ["-d", f"sql:{database}", "-f", password]
    for command in (["-N"], ["-G", "-z", noise, "-k", "rsa", "-g", "2048"], ["-G", "-z", noise, "-k", "ec", "-q", "nistp256"]):
        subprocess.run(["certutil", *command, *common], check=True, capture_output=True, timeout=120)
    password.unlink()
    return ModuleRef("nss", library, "added", init_args=f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=")


def tpm_module() -> str | None:
    """libtpm2_pkcs11.so, as `make lab` laid it open."""
    return next((str(path) for path in sorted(_LAID_OPEN.glob("libtpm2-pkcs11-1/usr/lib/*/libtpm2_pkcs11.so.*.*"))), None)


def tpm_missing() -> str | None:
    """Why no TPM can be tried here; None when one can."""
    if tpm_module() is None:
        return "libtpm2_pkcs11.so is not here (make lab brings it)"
    lacking = [name for name in ("swtpm", "dbus-daemon", "dbus-send", "tpm2-abrmd") if _program(name) is None]
    return f"not here: {' '.join(lacking)} (make lab brings them)" if lacking else None


def _program(name: str) -> str | None:
    laid_open = _LAID_OPEN / name / "usr" / "sbin"
    return shutil.which(name, path=f"{laid_open}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


@contextmanager
def tpm(folder: Path) -> Iterator[ModuleRef]:
    """A TPM fresh from the factory with an empty store; its one slot waits to be initialised."""
    module = tpm_module()
    assert module is not None
    for name in ("state", "store"):
        (folder / name).mkdir()
    (folder / "bus.conf").write_text(_BUS.format(folder=folder))
    bus = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
    with ExitStack() as undo:
        port = neighbouring_ports()
        _run(undo, folder, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/state", "--server", f"type=tcp,port={port},bindaddr=127.0.0.1",
             "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear")  # fmt: skip
        _run(undo, folder, "dbus-daemon", "--config-file", str(folder / "bus.conf"), "--nofork")
        _until((folder / "bus").exists)
        _run(undo, folder, "tpm2-abrmd", "--session", "--allow-root", "--logger=stdout", f"--tcti=swtpm:host=127.0.0.1,port={port}", env=bus)
        _until(lambda: _owned(bus))
        env = {**bus, "TPM2_PKCS11_STORE": str(folder / "store"), "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session"}
        yield ModuleRef("tpm2", module, "added", env=tuple(env.items()))


def _run(undo: ExitStack, folder: Path, program: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
    path = _program(program)
    assert path is not None
    with (folder / f"{program}.log").open("wb") as out:
        process = subprocess.Popen([path, *arguments], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    undo.callback(process.wait)
    undo.callback(process.terminate)


def _owned(bus: Mapping[str, str]) -> bool:
    """Whether the resource manager has taken its name on the bus."""
    command = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner",
               "string:com.intel.tss2.Tabrmd"]  # fmt: skip
    done = subprocess.run(command, env={**os.environ, **bus}, capture_output=True, text=True)
    return "boolean true" in done.stdout


def _until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("a program of the lab did not start")
        time.sleep(0.01)  # how finely we look, not how long it takes
