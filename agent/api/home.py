"""Where one installation keeps its things: a single folder with `YINXIN_HOME`, the XDG folders otherwise."""

import os
from dataclasses import dataclass
from pathlib import Path

from tokens import platform

_LONGEST_SOCKET_NAME = len("/pin-") + 32


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation; two homes share nothing, so two agents can run side by side."""

    config: Path
    """modules.json and settings: what the user chose."""
    data: Path
    """Ledger, trust anchors, certificates."""
    state: Path
    """Log, lock, journal: what can be thrown away while no agent runs."""
    run: Path
    """The agent's socket and the one-shot PIN sockets; 0700."""
    emulated: Path
    """Token files of the emulated (SoftHSM2) tokens."""
    softhsm_conf: Path
    """SoftHSM2's configuration for them; `SOFTHSM2_CONF` for other programs that want to look."""

    @property
    def socket(self) -> Path:
        """The agent's socket."""
        return self.run / "agent.sock"

    @property
    def lock(self) -> Path:
        """The file whose lock the agent holds from its first moment to its last."""
        return self.state / "agent.lock"

    def make(self) -> "Home":
        """Create the folders, private to this user; raises `tokens.platform.UnsafeFolder` or OSError."""
        for folder in (self.config, self.data, self.state, self.run, self.emulated):
            platform.private_folder(folder)
        return self


def _run_folder(wanted: Path) -> Path:
    """`wanted`, or a short hashed folder in the runtime directory where a socket's path would grow past 107 bytes."""
    if len(os.fsencode(wanted)) + _LONGEST_SOCKET_NAME <= platform.SOCKET_PATH_MAX:
        return wanted
    import hashlib  # here: few paths are that long

    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and len(os.fsencode(runtime)) < 40 and os.access(runtime, os.W_OK):
        return Path(runtime) / f"yinxin-{name}"
    return Path("/tmp") / f"yinxin-{os.getuid()}-{name}"  # 0700 and owner are checked by `private_folder`


def locate(folder: str | None = None) -> Home:
    """The home named by `folder`, else by `YINXIN_HOME`, else the XDG folders.  Nothing is created."""
    one = folder or os.environ.get("YINXIN_HOME")
    if one:
        top = Path(os.path.abspath(os.path.expanduser(one)))
        return Home(top / "config", top / "data", top / "state", _run_folder(top / "run"), top / "tokens", top / "softhsm2.conf")
    import platformdirs  # here: a named home needs none of it, and the command line starts sooner

    dirs = platformdirs.PlatformDirs("yinxin", appauthor=False)
    state = Path(dirs.user_state_dir)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    run = Path(runtime) / "yinxin" if runtime and os.access(runtime, os.W_OK) else state / "run"
    config, data = Path(dirs.user_config_dir), Path(dirs.user_data_dir)
    return Home(config, data, state, _run_folder(run), data / "tokens", config / "softhsm2.conf")
