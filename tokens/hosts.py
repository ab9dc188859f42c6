"""Child processes that hold one PKCS#11 module each: started by exec, watched by deadlines, killed when they hang.

A module can hang, crash or corrupt its process; nothing of that reaches the agent.  Each class of call has its own deadline;
a call that passes it costs the host its life (`ModuleTimeout`), and whoever needs the module starts another host.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeAlias

from tokens import platform
from tokens.channel import Channel, ChannelClosed
from tokens.errors import ModuleTimeout, ModuleUnusable, TokenError, TokenFault, from_wire
from tokens.module_file import examine
from tokens.profiles import Profile, init_args_of, network_allowed, profile_of
from tokens.types import ModuleRef
from tokens.wire import Message

HostKind: TypeAlias = Literal["monitor", "session", "vendor"]

_PROGRAM = str(Path(__file__).parent / "host" / "__main__.py")
_TAIL = 4096
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ")
SILENCE_SECONDS = 5.0
"""After so long without an answer, whoever waits for a call is told that it goes on."""
_SPENDS_TRY = frozenset({"login", "initialise"})
"""Operations in which the module always gets to see a PIN; others say so by `spends_try`."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds a module may take for each class of call before its host is killed."""

    load: float = 30.0
    """C_Initialize: some cards are read at start (OpenSC 1.4 s a card)."""
    list: float = 15.0
    """Slots, tokens, objects."""
    login: float = 20.0
    pin_pad: float = 120.0
    """Login on the reader's own pad: a person types."""
    sign: float = 30.0
    generate: float = 300.0
    """RSA-4096 on a card can take minutes."""
    write: float = 30.0
    initialise: float = 60.0

    @classmethod
    def of(cls, profile: Profile, overrides: Mapping[str, float] | None = None) -> "Deadlines":
        """The profile's deadlines, with the user's `overrides` by field name; raises ValueError for an unknown name or no positive number."""
        known = {field.name for field in fields(cls)}
        chosen = {**dict(profile.deadlines), **(overrides or {})}
        for name, seconds in chosen.items():
            if name not in known or not 0 < seconds < float("inf"):
                raise ValueError(f"no such deadline: {name} = {seconds}")
        return cls(**chosen)


@dataclass(slots=True)
class _Call:
    op: str
    deadline: float
    spends_try: bool
    served: bool = False
    """Whether the host has answered, whoever still listens."""
    due: float = 0.0
    """When its deadline passes, by the loop's clock, once it is its turn."""
    silent_at: float = 0.0
    """When its silence is told."""


def environment(ref: ModuleRef) -> dict[str, str]:
    """What a host of `ref` gets to see of our environment: locale, PATH, HOME and the module's own variables."""
    kept = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith("LC_")}
    return {**kept, **dict(ref.env)}


class _Output(asyncio.Protocol):
    """The end of what a host prints.  Read through a pipe of our own: a helper that a module starts may hold its other end for ever."""

    def __init__(self) -> None:
        self.tail = bytearray()
        self._transport: asyncio.BaseTransport | None = None

    @classmethod
    async def open(cls) -> tuple["_Output", int]:
        """The reader, and the descriptor to print to."""
        reading, printing = os.pipe()
        _, output = await asyncio.get_running_loop().connect_read_pipe(cls, os.fdopen(reading, "rb", 0))
        return output, printing

    def close(self) -> None:
        """Stop reading; the tail stays."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol."""
        self.tail += data
        del self.tail[:-_TAIL]


class Host:
    """One child process with one module.  Calls are served in order; several may be under way (each deadline runs from its turn)."""

    def __init__(self, ref: ModuleRef, kind: HostKind, deadlines: Deadlines | None = None) -> None:
        self.ref = ref
        self.kind: HostKind = kind
        self.deadlines = deadlines or Deadlines.of(profile_of(ref))
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._output: _Output | None = None
        self._queue: deque[_Call] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self._killed_in: _Call | None = None
        self._ended: TokenError | None = None
        self._starting = asyncio.Lock()
        self.on_silence: Callable[[str, float], None] | None = None
        """Told the operation and the seconds, once for each call that the module has not answered for `SILENCE_SECONDS`."""
        self.on_event: Callable[[Message], None] | None = None
        """Told what the host says unasked."""

    @property
    def alive(self) -> bool:
        """Whether the process runs and its channel is open."""
        return self._channel is not None and not self._channel.closed.done()

    @property
    def pid(self) -> int | None:
        """Process id of the host, for the log and for tests."""
        return self._process.pid if self._process else None

    @property
    def tail(self) -> str:
        """The last 4 KiB the process wrote to stdout and stderr (a module may print there), for the log."""
        return self._output.tail.decode("utf-8", errors="replace") if self._output else ""

    async def start(self) -> Message:
        """Start the process and load the module; what the module says of itself.  Raises `ModuleUnusable`, `ModuleTimeout`."""
        async with self._starting:
            await self._end()
            self._loop = asyncio.get_running_loop()
            await asyncio.to_thread(examine, self.ref.path, self.ref.sha256)
            self._killed_in = None
            self._ended = None
            ours, theirs = platform.socket_pair()
            self._output, printed = await _Output.open()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", _PROGRAM, self.kind, str(theirs.fileno()), str(profile_of(self.ref).memory_mib)),
                    "network" if network_allowed(self.ref) else "sealed",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    pass_fds=(theirs.fileno(),),
                    env=environment(self.ref),
                    cwd="/",
                    start_new_session=True,  # a Ctrl-C at the agent's terminal must not end a host inside a signature
                )
                self._channel = await Channel.over(ours, self._told)
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()
                os.close(printed)
            try:
                profile = profile_of(self.ref)
                home = os.path.expanduser("~")
                load: Message = {"path": self.ref.path, "init_args": init_args_of(self.ref, home), "reinitialise": profile.reinitialise}
                return await self.call("load", load, deadline=self.deadlines.load)
            except BaseException:
                await self._end()
                raise

    async def call(self, op: str, args: Message | None = None, *, deadline: float, spends_try: bool = False) -> Message:
        """Have the host do `op`; its result.  `spends_try`: the module gets to see a PIN in it, and an end in the middle may have cost a try.

        Raises the `TokenError` it reports, `ModuleTimeout` when `deadline` seconds pass from the call's turn (the host is
        killed), `ModuleUnusable` (reason "crashed") when the host dies.  A cancelled caller leaves the call running.
        """
        channel = self._channel
        if channel is None:
            raise self._ended or ModuleUnusable(reason="crashed", module=self.ref.name, during=op)
        call = _Call(op, deadline, spends_try or op in _SPENDS_TRY)
        pending = channel.post(op, args, lambda: self._answered(call))
        self._queue.append(call)
        if len(self._queue) == 1:
            self._arm()
        try:
            reply = await pending
        except ChannelClosed:
            raise await self._why_gone(call) from None
        error, result = reply.get("error"), reply.get("result")
        if isinstance(error, dict) and isinstance(error.get("facts"), dict):
            raise from_wire(str(error.get("code")), error["facts"])
        if not isinstance(result, dict):  # a module can write where its host does
            raise TokenFault(reason="nonsense", module=self.ref.name, during=op)
        return result

    def tell(self, op: str, args: Message | None = None) -> None:
        """Send `op` at once and wait for nothing; no deadline watches over it.  It interrupts a wait for a PIN."""
        if self._channel is not None:
            self._channel.post(op, args).add_done_callback(lambda done: done.cancelled() or done.exception())

    def _told(self, event: Message) -> None:
        if self.on_event is not None:
            self.on_event(event)

    async def end(self, why: TokenError) -> None:
        """End the process while others still use it: their calls, under way and to come, raise `why` (token pulled, locked by the user)."""
        self._ended = why
        await self.close()

    async def close(self) -> None:
        """End the process; harmless when there is none."""
        async with self._starting:
            await self._end()

    async def _end(self) -> None:
        process, channel = self._process, self._channel
        self._channel = None
        if process is not None:
            _kill(process)  # at once: the memory of a session host holds a PIN
            await process.wait()
        if channel is not None:
            channel.close()
            await channel.closed
        self._disarm()
        if self._output is not None:
            self._output.close()

    def _answered(self, call: _Call) -> None:
        call.served = True
        while self._queue and self._queue[0].served:
            self._queue.popleft()
        if self._queue:
            self._arm()

    def _arm(self) -> None:
        """Watch over the call whose turn it is.  A timer that rings too early is left alone and set anew when it rings: most calls need none."""
        head, now = self._queue[0], self._loop.time()
        head.due = now + head.deadline
        head.silent_at = now + SILENCE_SECONDS if self.on_silence is not None else head.due
        self._ring_at(min(head.due, head.silent_at))

    def _ring_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if not self._queue or self._process is None:
            return
        head, now = self._queue[0], self._loop.time()
        if now >= head.due:
            self._killed_in = head
            _kill(self._process)
            return
        if now >= head.silent_at:
            head.silent_at = head.due
            if self.on_silence is not None:
                self.on_silence(head.op, SILENCE_SECONDS)
        self._ring_at(min(head.due, head.silent_at))

    async def _why_gone(self, call: _Call) -> TokenError:
        if self._ended is not None:
            return self._ended
        killed_in = self._killed_in
        if killed_in is not None:
            return ModuleTimeout(module=self.ref.name, during=killed_in.op, try_spent=killed_in.spends_try)
        facts: Mapping[str, str | bool] = {"reason": "crashed", "module": self.ref.name, "during": call.op, "try_spent": call.spends_try}
        if self._process is None:
            return ModuleUnusable(**facts)
        _kill(self._process)  # a module may close our descriptor and live on; where it has died by itself, its own status stays
        status = await self._process.wait()
        return ModuleUnusable(**facts, signal=signal.Signals(-status).name) if status < 0 else ModuleUnusable(**facts, status=status)


def _kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, unless it has ended.  Not by Process.kill, which may reap the child behind asyncio's back and lose its exit status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
