"""A self-test before the first signature with a kind of key that this home has never used: module, model and key type.

A module may sign with a key and give back something that is no signature; better to learn that on a text that means nothing.
Each signature is checked with the public key anyway, so what cannot be tested first is no weaker.
"""

import asyncio
from pathlib import Path

import structlog

from agent.api.errors import ApiError
from agent.api.home import Home
from agent.inventory import marks
from tokens import module_file
from tokens.session import Session
from tokens.types import ModuleRef, SignatureScheme, Token

log = structlog.get_logger()


def remembered(home: Home) -> Path:
    """The list of what was tried and found good."""
    return home.data / "selftests.json"


async def prove(home: Home, ref: ModuleRef, session: Session, token: Token, cka_id: bytes, scheme: SignatureScheme, public_key: bytes) -> bool:
    """Sign a text that says it is none, where this kind of key is new here; whether it was done.

    Not on a reader's own pad and not with a key that asks at every signature: there it would cost a person another PIN.  Raises what signing
    raises, `TokenFault` (reason wrong_signature) where the signature does not verify; that is not remembered.
    """
    if token.protected_path:
        return False
    facts = await session.signer(cka_id)
    if facts.always_authenticate:
        return False
    digest = (await asyncio.to_thread(module_file.examine, ref.path, ref.sha256)).sha256
    kind = f"{digest}:{token.manufacturer}:{token.model}:{token.firmware_version}:{facts.type}:{scheme}"
    known = marks.read(remembered(home))
    if known is not None and kind in known:
        return False
    await session.self_test(cka_id, scheme, public_key)
    log.info("self_test_passed", module=ref.name, model=token.model, key_type=facts.type, scheme=str(scheme))
    try:
        marks.add(remembered(home), kind)
    except (ApiError, OSError) as error:  # then it is done again next time
        log.warning("self_test_not_remembered", type=type(error).__name__)
    return True
