"""What is installed, what is missing and what to do: the local checks and those that only the agent can make."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from agent.api.checkup import check, local
from agent.api.errors import ApiError
from agent.api.home import Home
from agent.api.messages import sentence
from agent.device import store as devices
from agent.device.key import Level
from agent.device.service import lost
from agent.inventory import settings
from agent.inventory.service import Inventory
from agent.signing import fonts
from tokens import module_file
from tokens.errors import ModuleUnusable
from tokens.types import ModuleStatus, PinState, Token, TokenState

LastEntry = Callable[[], Awaitable[datetime | None]]
"""The time of the ledger's newest entry; None where it has none."""


async def checks(home: Home, inventory: Inventory, last_entry: LastEntry | None = None) -> list[dict[str, Any]]:
    """Every check; never raises."""
    statuses: tuple[ModuleStatus, ...] | Exception
    try:
        statuses = await inventory.module_statuses()
    except Exception as error:  # noqa: BLE001 — one broken check must not hide the others
        statuses = error
    paths = [] if isinstance(statuses, Exception) else [status.ref.path for status in statuses]
    try:
        last = await last_entry() if last_entry else None
    except Exception:  # noqa: BLE001 — the ledger's own trouble is told where it is used
        last = None
    found = await asyncio.to_thread(local, home, None, last, paths)
    found += [configuration(home), await asyncio.to_thread(device_key, home)]
    found += [_broken("modules", statuses)] if isinstance(statuses, Exception) else modules(statuses)
    try:
        found += tokens(await inventory.tokens())
    except Exception as error:  # noqa: BLE001
        found.append(_broken("tokens", error))
    return [*found, chinese_font()]


def _broken(name: str, error: Exception) -> dict[str, Any]:
    return check(name, "warn", f"无法检查（{type(error).__name__}）", f"could not be checked ({type(error).__name__})")


def configuration(home: Home) -> dict[str, Any]:
    """Whether settings.toml, if there is one, can be followed."""
    path = settings.path_of(home)
    try:
        settings.load(home)
    except ApiError as error:
        (zh, zh_hint), (en, en_hint) = (sentence(error.code, error.facts, lang) for lang in ("zh", "en"))
        return check("settings", "fail", zh, en, (zh_hint, en_hint))
    if path.exists():
        return check("settings", "ok", f"设置：{path}", f"settings: {path}")
    return check("settings", "ok", "设置全部为默认值", "all settings are the defaults")


def device_key(home: Home) -> dict[str, Any]:
    """Whether this computer's own key is there, and how well it is kept; the keyring is asked, a token is not."""
    try:
        about = devices.current(home)
        if about is None:
            return check("device_key", "ok", "本机密钥在第一次用到时登记", "this computer's own key is made when it is first needed")
        if not about.on_token:
            devices.load(home, about)
    except devices.KeyLost as error:
        told = lost(error)
        (zh, zh_hint), (en, en_hint) = (sentence(told.code, told.facts, lang) for lang in ("zh", "en"))
        return check("device_key", "fail", zh, en, (zh_hint, en_hint))
    if about.level is Level.TOKEN:
        return check("device_key", "ok", "本机密钥在 UKey（或 TPM）里", "this computer's own key is on a token (or TPM)")
    if about.level is Level.KEYRING:
        return check("device_key", "ok", "本机密钥由系统密码环保护", "this computer's own key is sealed by the keyring")
    hint = (
        "要更安全，请在桌面会话中运行 yinxin device renew --key keyring，或换到 UKey：--key token。",
        "For better keeping, in a desktop session run `yinxin device renew --key keyring`, or put it on a token: `--key token`.",
    )
    return check("device_key", "ok", "本机密钥在只有您能读的文件里", "this computer's own key is in a file that only you may read", hint)


def modules(statuses: tuple[ModuleStatus, ...]) -> list[dict[str, Any]]:
    """Each module: whether it works, and where it does not, why, with both architectures where those differ."""
    if not statuses:
        hint = (
            "请安装 UKey 厂商的驱动，再用 yinxin module add 指明它；练习可用 apt install softhsm2。",
            "Install the vendor's module and name it by `yinxin module add`; for practice: apt install softhsm2.",
        )
        return [check("modules", "fail", "没有找到任何 UKey 驱动", "no token module was found", hint)]
    return [_module(status) for status in statuses]


def _module(status: ModuleStatus) -> dict[str, Any]:
    name, ref = f"module:{status.ref.name}", status.ref
    try:
        seen = module_file.examine(ref.path, ref.sha256)
    except ModuleUnusable as error:
        return _unusable(name, {"module": ref.name, **error.facts})
    if not status.usable:
        return _unusable(name, {"reason": status.problem, "path": ref.path, "module": ref.name})
    if seen.writable_by_others:
        hint = (
            f"请把 {seen.path} 和它所在的文件夹改为归 root 或您自己所有，并去掉别人的写权限。",
            f"Give {seen.path} and the folders above it to root or yourself, and take away the others' right to write.",
        )
        zh, en = f"别的用户可以换掉 UKey 驱动 {ref.name}：{seen.path}", f"other users can replace the module {ref.name}: {seen.path}"
        return check(name, "warn", zh, en, hint)
    if status.network == "not_denied":
        hint = (
            "这台电脑的内核不支持限制它；只用可信的驱动。",
            "This computer's kernel has no means to deny it; use only modules that you trust.",
        )
        zh, en = f"UKey 驱动 {ref.name} 可用，但没能禁止它上网：{ref.path}", f"module {ref.name} works, but could use the network: {ref.path}"
        return check(name, "warn", zh, en, hint)
    return check(name, "ok", f"UKey 驱动 {ref.name} 可用：{ref.path}", f"module {ref.name} works: {ref.path}")


def _unusable(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    code = "module_timeout" if facts.get("reason") == "module_timeout" else "module_unusable"
    (zh, zh_hint), (en, en_hint) = (sentence(code, facts, lang) for lang in ("zh", "en"))
    return check(name, "warn", zh, en, (zh_hint, en_hint))


def tokens(found: tuple[Token, ...]) -> list[dict[str, Any]]:
    """Whether a token is ready, and those whose PIN is in danger or locked."""
    ready = [token for token in found if token.state is TokenState.READY]
    if not ready:
        hint = (
            "请插上 UKey；练习可用：yinxin token init --emulated --label 练习",
            "Plug one in; for practice: yinxin token init --emulated --label practice",
        )
        return [check("tokens", "warn", "没有可用的 UKey", "no token is ready", hint)]
    names = ", ".join(token.label or token.serial for token in ready)
    return [check("tokens", "ok", f"可用的 UKey：{names}", f"tokens ready: {names}"), *(each for token in ready for each in _pin(token))]


def _pin(token: Token) -> list[dict[str, Any]]:
    label = token.label or token.serial
    name = f"token:{label}"
    if token.pin_state is PinState.LOCKED:
        hint = (
            "请联系发证机构或 UKey 管理员解锁：yinxin token pin unblock（需要管理员 PIN 或解锁码）。",
            "Ask whoever issued it to unblock it: `yinxin token pin unblock` (with the SO PIN or PUK).",
        )
        return [check(name, "fail", f"UKey“{label}”已锁定", f"the token “{label}” is locked", hint)]
    if token.pin_state in (PinState.LOW, PinState.FINAL_TRY):
        hint = ("先核实 PIN 码再输入；输对一次就恢复正常。", "Make sure of the PIN before you enter it; one right entry sets it back.")
        zh, en = {
            PinState.LOW: (f"UKey“{label}”输错过 PIN 码", f"a wrong PIN was entered on the token “{label}”"),
            PinState.FINAL_TRY: (f"UKey“{label}”只剩最后一次机会", f"only one PIN try is left on the token “{label}”"),
        }[token.pin_state]
        return [check(name, "warn", zh, en, hint)]
    if token.pin_to_be_changed:
        hint = ("请先修改：yinxin token pin change。", "Change it first: `yinxin token pin change`.")
        return [check(name, "warn", f"UKey“{label}”还在用初始 PIN 码", f"the token “{label}” still has its first PIN", hint)]
    return []


def chinese_font() -> dict[str, Any]:
    """Whether appearances can be written in Chinese."""
    if paths := list(fonts.installed()):
        return check("fonts", "ok", f"中文字体：{paths[0]}", f"Chinese font: {paths[0]}")
    hint = (f"apt install {fonts.PACKAGE}", f"apt install {fonts.PACKAGE}")
    return check("fonts", "warn", "没有中文字体，签名外观不能写中文", "no Chinese font: appearances cannot show Chinese", hint)


def router(home: Home, inventory: Inventory, last_entry: LastEntry | None = None) -> APIRouter:
    """GET /v1/doctor."""
    api = APIRouter(prefix="/v1")

    @api.get("/doctor")
    async def doctor() -> dict[str, Any]:
        """What is installed, what is missing, what to do."""
        return {
            "checked_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "checks": await checks(home, inventory, last_entry),
        }

    return api
