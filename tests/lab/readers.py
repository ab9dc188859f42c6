"""A private PC/SC service with one virtual reader of two slots: cards go in and out as a hand would put them, and nothing of the machine is touched.

`pcscd` (any user may run it) gets its socket from us as systemd would hand it over, a reader.conf with vsmartcard's driver alone, and an
empty driver folder, so that it never opens a real reader.  A card is a connection to the driver's port; pulling it hangs up.
(The driver can ask a card of ours instead, and Debian's dies of it once the card is pulled: it selects on a descriptor of -1.)
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import build
from tests.lab.piv import ATR, Card
from tokens import platform
from tokens.types import ModuleRef

_DRIVER = "usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_NOBODY = 65534
_OFF, _ON, _RESET, _ATR = 0, 1, 2, 4  # control bytes of vpcd
# As systemd does it: descriptor 3 is the socket, LISTEN_PID names the very process that takes it.  Root becomes nobody here, since nobody may not
# be allowed to start this very Python (a checkout in a private folder).
_HAND_OVER = f"""
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
if os.getuid() == 0:  # as root it would meddle with /run/pcscd
    os.setgroups([])
    os.setgid({_NOBODY})
    os.setuid({_NOBODY})
os.execv(sys.argv[2], sys.argv[2:])
"""


def pcscd() -> str | None:
    """The PC/SC daemon, which stands outside an ordinary user's PATH."""
    return shutil.which("pcscd", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")


def opensc() -> str | None:
    """OpenSC's module."""
    return next((str(path) for path in sorted(Path("/usr/lib").glob("*/opensc-pkcs11.so"))), None)


def driver() -> Path | None:
    """The virtual reader's driver: laid open by scripts/bootstrap, or installed."""
    build = Path(__file__).resolve().parents[2] / "build" / "lab" / "vsmartcard-vpcd"
    return next((place / _DRIVER for place in (build, Path("/")) if (place / _DRIVER).exists()), None)


def missing() -> str | None:
    """Why no card can be put in here; None when one can."""
    if opensc() is None:
        return "OpenSC is not installed (apt install opensc-pkcs11)"
    if driver() is None:
        return "the virtual reader is not here (scripts/bootstrap test lays the package vsmartcard-vpcd open below build)"
    if pcscd() is None:
        return "pcscd is not installed (apt install pcscd)"
    return None if shutil.which("gcc") else "what the card service is started with needs gcc (apt install gcc)"


@dataclass(slots=True)
class Slot:
    """One slot of the reader.  The card that is in answers in a thread; pulling it hangs up, whatever it is doing."""

    port: int
    card: Card | None = None
    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared: the card takes commands and gives no answer, as one that the machine's sleep left without power."""
    _connection: socket.socket | None = None
    _thread: threading.Thread | None = None

    def insert(self, card: Card) -> None:
        """Put a card in; the service sees it at its next look, within 0.4 s."""
        card.reset()
        self.card = card
        self.answering.set()
        self._connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self._connection.settimeout(None)
        self._thread = threading.Thread(target=self._serve, args=(self._connection, card), daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Pull it; nothing happens where no card is in."""
        connection, thread, self._connection, self._thread, self.card = self._connection, self._thread, None, None, None
        if connection is None or thread is None:
            return
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the service was first
        self.answering.set()
        if thread is not threading.current_thread():  # the card itself may ask for it, inside a command
            thread.join()
        connection.close()

    def _serve(self, connection: socket.socket, card: Card) -> None:
        try:
            while (command := _receive(connection)) is not None:
                if len(command) == 1:
                    if command[0] in (_OFF, _ON, _RESET):
                        card.reset()
                    elif command[0] == _ATR:
                        self.answering.wait()
                        _send(connection, ATR)
                    continue
                response = card.answer(command)
                self.answering.wait()
                _send(connection, response)
        except OSError:
            pass  # pulled


def _receive(connection: socket.socket) -> bytes | None:
    # The driver sends length and command apart, and its second half waits for our word of the first: 44 ms a command unless it is said at once.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    header = connection.recv(2, socket.MSG_WAITALL)
    if len(header) < 2:
        return None
    size = struct.unpack(">H", header)[0]
    data = connection.recv(size, socket.MSG_WAITALL)
    return data if len(data) == size else None


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(struct.pack(">H", len(data)) + data)


@dataclass(slots=True)
class Service:
    """A running pcscd with its reader.  `restart` is what a machine's update does to it; `stop` and `start` are its halves."""

    folder: Path
    slots: tuple[Slot, Slot]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def socket(self) -> Path:
        """Where its clients knock (PCSCLITE_CSOCK_NAME)."""
        return self.folder / "pcscd.comm"

    @property
    def env(self) -> Mapping[str, str]:
        """What a PKCS#11 module needs to come here."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket), "OPENSC_CONF": str(self.folder / "opensc.conf")}

    def module(self, name: str = "opensc") -> ModuleRef:
        """OpenSC's module on this service alone."""
        library = opensc()
        assert library is not None
        return ModuleRef(name, library, "added", env=tuple(self.env.items()))

    def start(self) -> None:
        """Start it and wait until its reader is there; raises OSError where another program took a port of ours."""
        self.socket.unlink(missing_ok=True)
        listener = platform.listen_private(str(self.socket))
        program = pcscd()
        assert program is not None
        command = [sys.executable, "-S", "-c", _HAND_OVER, str(listener.fileno()), program, "--foreground", "--config", self.folder / "reader.conf.d"]
        if "--disable-polkit" in _options(program):
            command.append("--disable-polkit")  # there is no system bus to ask; the socket is ours alone
        with listener, (self.folder / "pcscd.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={"PCSCLITE_HP_DROPDIR": str(self.folder / "drivers"), "LD_PRELOAD": str(self.folder / "folder.so"), "PATH": os.defpath},
                pass_fds=(listener.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        for slot in self.slots:
            _reached(slot.port, self.process)

    def stop(self) -> None:
        """End it; its clients find the service gone, and the cards that were in are out."""
        if self.process is not None:
            self.process.kill()  # asked politely it takes a second, and for ever inside a command that a card does not answer
            self.process.wait()
            self.process = None
        for slot in self.slots:
            slot.remove()
        self.socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Both; the cards stay in, as they do when a machine's update restarts the service."""
        cards = [slot.card for slot in self.slots]
        self.stop()
        self.start()
        for slot, card in zip(self.slots, cards, strict=True):
            if card is not None:
                slot.insert(card)


def _options(program: str) -> str:
    return subprocess.run([program, "--help"], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL).stdout


def _reached(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the driver's listener: a connection that says nothing and goes is a card pulled before it was seen."""
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.01)  # how finely we look, not how long it takes


def neighbouring_ports() -> int:
    """The lower of two free ports: the driver's second slot listens one port higher."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def service(folder: Path) -> Iterator[Service]:
    """A running service in a folder of its own, whose path must be short (a socket lies in it); nothing of it is left afterwards."""
    folder.chmod(0o711)  # as root, the daemon runs as nobody and reads its configuration and its driver here
    found = driver()
    assert found is not None
    shutil.copyfile(found, folder / "driver.so")
    (folder / "driver.so").chmod(0o755)
    build.library("pcscd_folder", folder / "folder.so")
    (folder / "folder.so").chmod(0o755)
    for name in ("reader.conf.d", "drivers"):
        (folder / name).mkdir()
        (folder / name).chmod(0o755)
    (folder / "opensc.conf").write_text("app default {\n\tcard_drivers = PIV-II;\n\tframework pkcs15 {\n\t\tuse_file_caching = no;\n\t}\n}\n")
    running = _started(folder)
    try:
        yield running
    finally:
        running.stop()


def _started(folder: Path, attempts: int = 5) -> Service:
    port = neighbouring_ports()
    reader = folder / "reader.conf.d" / "lab"
    reader.write_text(f'FRIENDLYNAME "Lab Reader"\nDEVICENAME /dev/null:{port}\nLIBPATH {folder}/driver.so\nCHANNELID {port}\n')
    reader.chmod(0o644)
    running = Service(folder, (Slot(port), Slot(port + 1)))
    try:
        running.start()
    except OSError:  # between our look and the driver's another program took the port
        running.stop()
        if not attempts:
            raise
        return _started(folder, attempts - 1)
    return running
