"""What is installed, what is missing and what to do: the local checks and those that only the agent can make."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from agent.api.checkup import check, local
from agent.api.home import Home
from agent.inventory.service import Inventory
from agent.signing import fonts


async def checks(home: Home, inventory: Inventory) -> list[dict[str, Any]]:
    """Every check; never raises."""
    found = local(home)
    for name, each in (("modules", _modules(inventory)), ("tokens", _tokens(inventory))):
        try:
            found += await each
        except Exception as error:  # noqa: BLE001 — one broken check must not hide the others
            found.append(check(name, "warn", f"无法检查（{type(error).__name__}）", f"could not be checked ({type(error).__name__})"))
    return [*found, _fonts()]


async def _modules(inventory: Inventory) -> list[dict[str, Any]]:
    statuses = await inventory.module_statuses()
    if not statuses:
        hint = (
            "请安装 UKey 厂商的驱动，再用 yinxin module add 指明它；练习可用 apt install softhsm2。",
            "Install the vendor's module and name it by `yinxin module add`; for practice: apt install softhsm2.",
        )
        return [check("modules", "fail", "没有找到任何 UKey 驱动", "no token module was found", hint)]
    found = []
    for status in statuses:
        name = f"module:{status.ref.name}"
        if status.usable:
            found.append(
                check(name, "ok", f"UKey 驱动 {status.ref.name} 可用：{status.ref.path}", f"module {status.ref.name} works: {status.ref.path}")
            )
            continue
        from agent.api.messages import sentence

        facts = {"reason": status.problem, "path": status.ref.path, "module": status.ref.name}
        (zh, zh_hint), (en, en_hint) = (sentence("module_unusable", facts, lang) for lang in ("zh", "en"))
        found.append(check(name, "warn", zh, en, (zh_hint, en_hint)))
    return found


async def _tokens(inventory: Inventory) -> list[dict[str, Any]]:
    tokens = await inventory.tokens()
    ready = [token for token in tokens if token.state == "ready"]
    if not ready:
        hint = (
            "请插上 UKey；练习可用：yinxin token init --emulated --label 练习",
            "Plug one in; for practice: yinxin token init --emulated --label practice",
        )
        return [check("tokens", "warn", "没有可用的 UKey", "no token is ready", hint)]
    names = ", ".join(token.label for token in ready)
    return [check("tokens", "ok", f"可用的 UKey：{names}", f"tokens ready: {names}")]


def _fonts() -> dict[str, Any]:
    if paths := list(fonts.installed()):
        return check("fonts", "ok", f"中文字体：{paths[0]}", f"Chinese font: {paths[0]}")
    hint = (f"apt install {fonts.PACKAGE}", f"apt install {fonts.PACKAGE}")
    return check("fonts", "warn", "没有中文字体，签名外观不能写中文", "no Chinese font: appearances cannot show Chinese", hint)


def router(home: Home, inventory: Inventory) -> APIRouter:
    """GET /v1/doctor."""
    api = APIRouter(prefix="/v1")

    @api.get("/doctor")
    async def doctor() -> dict[str, Any]:
        """What is installed, what is missing, what to do."""
        return {"checked_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), "checks": await checks(home, inventory)}

    return api
