"""Looking at a token for its inspection: one login, every private key tried, every certificate read; judging is another file's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory.certificates import CertificateView, views
from agent.inventory.inspection import Inspection, SecondOpinion, Seen, SeenCertificate, SeenKey, for_encryption
from agent.inventory.service import Inventory
from agent.server.jobs import Job
from tokens import module_file, platform, public, vendor
from tokens.errors import KeyNotFound, MechanismUnsupported, ModuleUnusable, PinLocked, TokenError, TokenFault
from tokens.profiles import profile_of
from tokens.session import Session
from tokens.types import KeyType, ModuleRef, ModuleStatus, PinState, Token
from tokens.vendor import VendorSession

log = structlog.get_logger()
_VENDOR = 0x80000000
"""CKM_VENDOR_DEFINED: this number and all above are vendors' own."""
_SOFTWARE_PROFILES = frozenset({"softhsm2", "nss"})
_SOFTWARE_MAKERS = ("SoftHSM", "Mozilla Foundation")
"""What software says of itself, wherever its library lies and whatever it is called."""


async def look(inventory: Inventory, home: Home, job: Job, token: Token) -> Seen:
    """Everything the inspection looks at.  A locked token is looked at from outside; any other wants its PIN (purpose token_inspect).

    Raises `ApiError` and `TokenError` as any login does, and where the token goes or its module dies in the middle.
    """
    ref = inventory.module(token.module)
    status = await inventory.module_status(ref)
    seen = Seen(datetime.now(UTC), token, status, _file(ref), _is_software(ref, status, token), logged_in=False, certificates=_read(views(token)))
    if token.pin_state is not PinState.LOCKED:
        seen = replace(seen, second=await _second_opinion(inventory, home, ref, token))
        try:
            return await _inside(inventory, job, seen)
        except PinLocked:  # since it was last seen, or by a PIN of somebody else's
            seen = replace(seen, token=replace(token, pin_state=PinState.LOCKED))
    return replace(seen, failure="pin_locked")


async def _inside(inventory: Inventory, job: Job, seen: Seen) -> Seen:
    """What shows after a login."""
    async with inventory.unlocked(job, seen.token, "token_inspect") as session:
        now = replace(seen.token, keys=await session.keys(), certificates=await session.certificates())
        certificates = _read(views(now))
        private = [key for key in now.keys if key.private]
        keys = []
        for done, key in enumerate(private):
            if job.cancelled:
                raise ApiError(Code.CANCELLED)
            job.emit("progress", stage="inspect", done=done, total=len(private))
            keys.append(await _try(session, SeenKey(key), certificates))
        mechanisms = await session.mechanisms()
    return replace(seen, token=now, logged_in=True, keys=tuple(keys), certificates=certificates, mechanisms=mechanisms)


async def _second_opinion(inventory: Inventory, home: Home, ref: ModuleRef, token: Token) -> SecondOpinion | None:
    """What PyKCS11 sees without a login; None where it is not installed, where only one process may have the token, or where it fails."""
    if not vendor.available() or profile_of(ref, token).exclusive:
        return None
    try:
        async with await VendorSession.open(ref, token, home.run, inventory.deadlines(ref, token)) as other:
            mechanisms, keys = await other.mechanisms(), await other.keys()
    except TokenError as error:
        log.info("no_second_opinion", module=ref.name, code=error.code, facts=dict(error.facts))
        return None
    return SecondOpinion(frozenset(each.number for each in mechanisms), tuple(key.label or key.cka_id.hex() for key in keys if key.vendor))


async def _try(session: Session, seen: SeenKey, certificates: tuple[SeenCertificate, ...]) -> SeenKey:
    """Attributes and attempts of one key, then a test signature; what a key cannot do is told, what ends a session is raised."""
    cka_id = seen.key.cka_id
    try:
        protection = await session.protection(cka_id)
        seen = replace(seen, attributes=protection.attributes, attempts=protection.attempts)
    except (TokenFault, MechanismUnsupported, KeyNotFound):
        pass  # nothing was told: the findings say so
    try:
        seen = replace(seen, public_key=await session.public_key(cka_id))
        if for_encryption(certificates, cka_id):
            return seen
        # Checked with what the token says is the public key: a certificate of another key is another finding.
        schemes = await session.schemes(cka_id)
        if not schemes:
            return replace(seen, signature="mechanism_unsupported")
        await session.self_test(cka_id, schemes[0], seen.public_key)
        return replace(seen, signature="verified", scheme=schemes[0].value)
    except (TokenFault, MechanismUnsupported, KeyNotFound) as error:
        return replace(seen, signature="wrong_signature" if error.facts.get("reason") == "wrong_signature" else error.code)


def _file(ref: ModuleRef) -> module_file.ModuleFile | None:
    try:
        return module_file.examine(ref.path, ref.sha256)
    except ModuleUnusable:
        return None


def _is_software(ref: ModuleRef, status: ModuleStatus, token: Token) -> bool:
    said = (token.manufacturer, status.manufacturer)
    return token.emulated or profile_of(ref, token).name in _SOFTWARE_PROFILES or any(maker in each for each in said for maker in _SOFTWARE_MAKERS)


def _read(found: tuple[CertificateView, ...]) -> tuple[SeenCertificate, ...]:
    return tuple(SeenCertificate(view, _public_key(view.der)) for view in found)


def _public_key(der: bytes) -> bytes | None:
    try:
        return public.from_parts({"certificate": der})
    except (KeyNotFound, MechanismUnsupported):
        return None  # SM2, for one: neither checked nor used


def result(seen: Seen, inspection: Inspection, token: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of POST /v1/tokens/inspect; `token` is the TOKEN object of the wire."""
    file, status = seen.file, seen.module
    signing = [key for key in seen.keys if not for_encryption(seen.certificates, key.key.cka_id)]
    return {
        "verdict": inspection.verdict,
        "reasons": [{"name": each.name, "key": each.key or None, **each.entry()["message"]} for each in inspection.reasons],
        "may_carry_seal": any(key.key.type is not KeyType.OTHER for key in signing) and not inspection.obstacles,
        "seal_reasons": [{"name": each.name, "key": each.key or None, **each.entry()["message"]} for each in inspection.obstacles],
        "inspected_at": seen.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "token": dict(token),
        "findings": [each.entry() for each in inspection.findings],
        "keys": [
            {
                "id": key.key.cka_id.hex(),
                "label": key.key.label,
                "type": key.key.type,
                "always_authenticate": key.key.always_authenticate,
                "for_encryption": for_encryption(seen.certificates, key.key.cka_id),
                "attributes": dict(key.attributes),
                "export_attempts": dict(key.attempts),
                "test_signature": key.signature,
                "scheme": key.scheme or None,
                "may_carry_seal": key in signing and key.key.type is not KeyType.OTHER and inspection.key_may_carry_seal(key.key.cka_id.hex()),
            }
            for key in seen.keys
        ],
        "mechanisms": [{"number": number, "name": name or None, "vendor": number >= _VENDOR} for number, name in seen.mechanisms],
        "second_opinion": None
        if seen.second is None
        else {"mechanisms": sorted(seen.second.mechanisms), "vendor_keys": list(seen.second.vendor_keys)},
        "module": {
            "name": status.ref.name,
            "path": file.path if file else status.ref.path,
            "manufacturer": status.manufacturer,
            "description": status.description,
            "library_version": status.library_version,
            "cryptoki_version": status.cryptoki_version,
            "architecture": file.architecture if file else None,
            "owner": platform.user_of(file.owner) if file else None,
            "mode": f"{file.mode:04o}" if file else None,
            "sha256": file.sha256 if file else None,
            "sha256_recorded": status.ref.sha256,
            "writable_by_others": file.writable_by_others if file else None,
        },
    }
