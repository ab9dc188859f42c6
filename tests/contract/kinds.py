"""Every kind of token that the contract suite knows, what each must be able to do, and how one is laid on the bench."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.lab import authority, build, piv, readers, software
from tests.tokens.conftest import give
from tokens import emulated, platform
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import KeyType, ModuleRef, Token

PIN, SO_PIN, LABEL = "482615", "99713355", "合同签章 UKey"


class Capability(StrEnum):
    """What a token may be able to do; the value is its row in docs/tokens.md."""

    DETECT = "发现 / detect"
    LOGIN = "登录 / login"
    GENERATE = "生成密钥 / generate"
    PROTECTED = "私钥取不出 / key cannot be taken out"
    SIGN_RSA = "RSA 签名 / sign RSA"
    SIGN_EC = "EC 签名 / sign EC"
    PADES = "PAdES，pdfsig 认可 / PAdES accepted by pdfsig"
    EACH_TIME = "每次签名都要 PIN / PIN at each signature"
    LADDER = "PIN 错误次数 / PIN ladder"
    CHANGE_PIN = "修改 PIN / change PIN"
    UNBLOCK = "解锁 / unblock"
    REMOVAL = "拔出与插入 / removal and insertion"
    PULLED = "签名中拔出 / pulled inside C_Sign"
    RETURN = "换读卡器、换卡 / another reader, another token"


@dataclass(slots=True)
class Bench:
    """One token, ready: an RSA-2048 and a P-256 key, each with a certificate of the lab's issuer."""

    ref: ModuleRef
    run: Path
    """For PIN sockets."""
    label: str
    keys: Mapping[str, bytes]
    """CKA_ID by "rsa" and "ec"."""
    remove: Callable[[], None] | None = None
    insert: Callable[[], None] | None = None
    elsewhere: Callable[[], None] | None = None
    """Put it into another reader."""
    swap: Callable[[], None] | None = None
    """Put another token, of the same name, where it was."""
    each_time: Callable[[], None] | None = None
    """From now on the RSA key asks each time."""
    pull_inside: Callable[[], None] | None = None
    """It is pulled during the next signature."""
    logins: Callable[[], int] | None = None
    """PINs that reached the token."""

    async def token(self) -> Token:
        """It, as a fresh look sees it, once it is there."""
        monitor = Monitor(self.ref)
        try:
            while True:
                for token in await monitor.list():
                    if token.label == self.label:
                        return token
                await asyncio.sleep(0.05)  # how finely we look
        finally:
            await monitor.close()

    async def session(self, pin: str | None = None) -> Session:
        """A session on it; logged in where `pin` is given."""
        session = await Session.open(self.ref, await self.token(), self.run)
        if pin is not None:
            try:
                await give(session, pin=pin)
                await session.login()
            except BaseException:
                await session.close()
                raise
        return session


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of token.  What is in `lacks` it does not offer, for the reason given there (and where possible the suite checks that)."""

    name: str
    title: str
    open: Callable[[Path, Path], AbstractContextManager[Bench]]
    """Takes a folder of its own and one that all benches of the run share."""
    missing: Callable[[], str | None]
    lacks: Mapping[Capability, str] = field(default_factory=dict)
    lab: bool = False
    """Only in `make lab`."""
    locks_after: int | None = None
    """Wrong PINs until the token is locked."""
    warns: bool = True
    """Whether the final try is announced."""

    def offers(self, capability: Capability) -> bool:
        """Whether it must be able to do that."""
        return capability not in self.lacks


def _soft_place(folder: Path, shared: Path) -> tuple[ModuleRef, Path]:
    template = shared / "softhsm"
    if not template.exists():
        ref = emulated.prepare(template / "softhsm2.conf", template / "tokens")
        assert ref is not None
        asyncio.run(_initialise(ref, platform.private_folder(template / "run")))
        asyncio.run(_furnish(ref, template / "run", LABEL, make=True))
    shutil.copytree(template / "tokens", folder / "tokens")
    ref = emulated.prepare(folder / "softhsm2.conf", folder / "tokens")
    assert ref is not None
    return ref, platform.private_folder(folder / "run")


@contextmanager
def _softhsm(folder: Path, shared: Path) -> Iterator[Bench]:
    ref, run = _soft_place(folder, shared)
    away = folder / "pulled"

    def remove() -> None:
        away.mkdir()
        for path in (folder / "tokens").iterdir():
            path.rename(away / path.name)

    def insert() -> None:
        for path in away.iterdir():
            path.rename(folder / "tokens" / path.name)
        away.rmdir()

    yield Bench(ref, run, LABEL, asyncio.run(_furnish(ref, run, LABEL)), remove, insert)


@contextmanager
def _shim(folder: Path, shared: Path) -> Iterator[Bench]:
    soft, run = _soft_place(folder, shared)
    keys = asyncio.run(_furnish(soft, run, LABEL))
    library = shared / "shim.so"
    if not library.exists():
        build.library("shim", library)
    control, log = folder / "control", folder / "log"
    said = {"maxtries 3", "events"}

    def say(*more: str) -> Callable[[], None]:
        def put() -> None:
            staging = control.with_suffix(".new")
            staging.write_text("".join(line + "\n" for line in (*sorted(said), *more)))
            staging.replace(control)

        return put

    def calls(name: str) -> int:
        return log.read_text().split("\n").count(name) if log.exists() else 0

    say()()
    env = {"SHIM_NAME": "A Vendor", "SHIM_TARGET": soft.path, "SHIM_CONTROL": str(control), "SHIM_LOG": str(log)}
    ref = ModuleRef("shim", str(library), "added", env=(*soft.env, *env.items()))
    yield Bench(
        ref, run, LABEL, keys, say("absent"), say("generation 2"), say("generation 3", "slot Another Reader"),
        say("generation 4", "serial 9999888877776666"), each_time=say("always"), pull_inside=say("pulled 1"), logins=lambda: calls("C_Login"),
    )  # fmt: skip


@cache
def _card_keys() -> Mapping[int, piv.PrivateKey]:
    return {piv.AUTHENTICATION: ec.generate_private_key(ec.SECP256R1()), piv.SIGNATURE: rsa.generate_private_key(65537, 2048)}


@contextmanager
def _piv(folder: Path, shared: Path) -> Iterator[Bench]:
    card = piv.issue(LABEL, bytes(range(1, 17)), PIN, SO_PIN, _card_keys())
    other = piv.issue(LABEL, bytes(range(101, 117)), PIN, SO_PIN, {**_card_keys(), piv.AUTHENTICATION: ec.generate_private_key(ec.SECP256R1())})
    with readers.service(folder) as service:
        first, second = service.slots
        first.insert(card)

        def swap() -> None:
            second.remove()
            first.insert(other)

        def pull_inside() -> None:
            card.on_sign = first.remove

        yield Bench(
            service.module(), platform.private_folder(folder / "run"), LABEL, {"rsa": b"\x02", "ec": b"\x01"},
            first.remove, lambda: first.insert(card), lambda: second.insert(card), swap,
            each_time=lambda: None, pull_inside=pull_inside, logins=lambda: card.log.count("verify"),
        )  # fmt: skip


@contextmanager
def _nss(folder: Path, shared: Path) -> Iterator[Bench]:
    ref, run = software.nss(folder, PIN), platform.private_folder(folder / "run")
    label = "NSS Certificate DB"
    yield Bench(ref, run, label, asyncio.run(_furnish(ref, run, label)))


@contextmanager
def _tpm(folder: Path, shared: Path) -> Iterator[Bench]:
    with software.tpm(folder) as ref:
        run = platform.private_folder(folder / "run")
        asyncio.run(_initialise(ref, run))
        yield Bench(ref, run, LABEL, asyncio.run(_furnish(ref, run, LABEL, make=True)))


async def _initialise(ref: ModuleRef, run: Path) -> None:
    monitor = Monitor(ref)
    try:
        free = next(token for token in await monitor.list() if not token.label)
    finally:
        await monitor.close()
    async with await Session.open(ref, free, run) as session:
        await give(session, so_pin=SO_PIN, pin=PIN)
        await session.initialise(LABEL)


async def _furnish(ref: ModuleRef, run: Path, label: str, make: bool = False) -> Mapping[str, bytes]:
    """The keys on a token by family, made first where that is wanted; each gets a certificate where it has none."""
    monitor = Monitor(ref)
    try:
        token = next(token for token in await monitor.list() if token.label == label)
    finally:
        await monitor.close()
    async with await Session.open(ref, token, run) as session:
        await give(session, pin=PIN)
        await session.login()
        if make:
            for kind in (KeyType.RSA2048, KeyType.P256):
                await session.generate(kind, f"key {kind}")
        keys = {("rsa" if key.type.startswith("rsa") else "ec"): key.cka_id for key in await session.keys()}
        certified = {certificate.cka_id for certificate in await session.certificates()}
        for cka_id in set(keys.values()) - certified:
            public = load_der_public_key(await session.public_key(cka_id))
            assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
            await session.write_certificate(cka_id, authority.certificate("李工", public), "李工")
        return keys


def _soft_missing() -> str | None:
    return None if emulated.library() else "SoftHSM2 is not installed (apt install softhsm2)"


def _shim_missing() -> str | None:
    return _soft_missing() or (None if shutil.which("gcc") else "the fault-injecting module needs gcc (apt install gcc)")


_SOFTWARE = "软件 / software"
_FIXED = "固定在主板上 / soldered in"

KINDS = (
    Kind(
        "softhsm2", "SoftHSM2", _softhsm, _soft_missing,
        {
            Capability.EACH_TIME: "不能设置 / cannot be set",
            Capability.LADDER: "从不锁定 / never locks",
            Capability.PULLED: _SOFTWARE,
            Capability.RETURN: _SOFTWARE,
        },
    ),
    Kind("shim", "SoftHSM2 + shim", _shim, _shim_missing, {}, locks_after=3),
    Kind(
        "piv", "PIV 卡 / PIV card, OpenSC", _piv, readers.missing,
        {
            Capability.GENERATE: "由发卡人写入 / keys come with the card",
            Capability.UNBLOCK: "OpenSC 不把解锁码当管理员 PIN / OpenSC offers no SO login with the PUK",
        },
        locks_after=3,
    ),
    Kind(
        "nss", "NSS softokn", _nss, software.nss_missing,
        {
            Capability.GENERATE: "私钥可被取出，拒绝使用 / refused: the key can be wrapped out",
            Capability.PROTECTED: "可被取出（C_WrapKey）/ can be taken out by C_WrapKey",
            Capability.EACH_TIME: "不支持 / not supported",
            Capability.LADDER: "从不锁定 / never locks",
            Capability.UNBLOCK: "没有管理员 PIN / has no SO PIN",
            Capability.REMOVAL: _SOFTWARE,
            Capability.PULLED: _SOFTWARE,
            Capability.RETURN: _SOFTWARE,
        },
        lab=True,
    ),
    Kind(
        "tpm2", "TPM 2.0, tpm2-pkcs11", _tpm, software.tpm_missing,
        {
            Capability.EACH_TIME: "不支持 / not supported",
            Capability.REMOVAL: _FIXED,
            Capability.PULLED: _FIXED,
            Capability.RETURN: _FIXED,
        },
        lab=True, locks_after=32, warns=False,
    ),
)  # fmt: skip


def in_lab() -> bool:
    """Whether this is `make lab`."""
    return bool(os.environ.get("YINXIN_LAB"))
