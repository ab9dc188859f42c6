"""Modules, tokens and keys as the wire tells them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agent.inventory.certificates import views
from tokens.profiles import Profile, network_allowed, profile_of
from tokens.types import Key, ModuleRef, ModuleStatus, Token

_NOT_DENIED = {
    "zh": "本机没有办法禁止这个驱动联网（系统内核不支持过滤）。",
    "en": "This machine has no means to deny this module the network (its kernel cannot filter).",
}


def entry(token: Token, at: datetime, own: Sequence[str], login: dict[str, Any] | None = None, profile: Profile | None = None) -> dict[str, Any]:
    """The TOKEN object of the wire; `own` are the subjects of this home's CAs, `login` is how it is logged in to (`Logins.entry`)."""
    return {
        "module": token.module,
        "slot_description": token.slot_description,
        "label": token.label,
        "serial": token.serial,
        "manufacturer": token.manufacturer,
        "model": token.model,
        "firmware_version": token.firmware_version,
        "hardware_version": token.hardware_version,
        "profile": profile.name if profile else None,
        "state": token.state,
        "pin_state": token.pin_state,
        "so_pin_state": token.so_pin_state,
        "pin_to_be_changed": token.pin_to_be_changed,
        "protected_path": token.protected_path,
        "write_protected": token.write_protected,
        "emulated": token.emulated,
        "practice": token.practice,
        "login": login,
        "keys": [key_entry(key) for key in token.keys],
        "certificates": [view.entry(at, own) for view in views(token)],
    }


def token_told(token: Token) -> dict[str, Any]:
    """A token as the ledger names it."""
    return {"module": token.module, "token": token.serial, "label": token.label, "emulated": token.emulated}


def key_told(key: Key) -> dict[str, Any]:
    """A key as the ledger names it."""
    return {"id": key.cka_id.hex(), "label": key.label, "type": str(key.type)}


def key_entry(key: Key) -> dict[str, Any]:
    """A key of the wire."""
    return {
        "id": key.cka_id.hex(),
        "label": key.label,
        "type": key.type,
        "private": key.private,
        "non_extractable": key.non_extractable,
        "always_authenticate": key.always_authenticate,
    }


def module_entry(status: ModuleStatus) -> dict[str, Any]:
    """The MODULE object of the wire."""
    ref = status.ref
    return {
        "name": ref.name,
        "path": ref.path,
        "origin": ref.origin,
        "usable": status.usable,
        "problem": status.problem,
        "manufacturer": status.manufacturer,
        "description": status.description,
        "library_version": status.library_version,
        "sha256": ref.sha256,
        "profile": profile_name(ref),
        "network_allowed": network_allowed(ref),
        "changed": status.problem == "changed",
        "note": _NOT_DENIED if status.network == "not_denied" else None,
    }


def profile_name(ref: ModuleRef, token: Token | None = None) -> str | None:
    """The name of the make's profile, None where it is an unknown one."""
    profile = profile_of(ref, token)
    return None if profile.name == "generic" else profile.name
