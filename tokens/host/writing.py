"""What writes to a token: key pairs, with the attempt to take the private key out again, and certificates."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tokens.errors import MechanismUnsupported, TokenFault
from tokens.host import binding, objects, protection
from tokens.host import cryptoki as ck
from tokens.host.binding import Attribute, CertificateType, KeyType, MechanismFlag, ObjectClass, types
from tokens.host.cryptoki import Cryptoki
from tokens.profiles import profile_of
from tokens.types import ModuleRef
from tokens.wire import Message, to_bytes, to_text

_BITS = {"rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}
_CURVES = {
    "p256": bytes.fromhex("06082a8648ce3d030107"),
    "p384": bytes.fromhex("06052b81040022"),
    "p521": bytes.fromhex("06052b81040023"),
}
_ID_BYTES = 20
_PRIVATE: Mapping[Attribute, Any] = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
_USE = MechanismFlag.SIGN | MechanismFlag.VERIFY
_ALL_USES = _USE | MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT


def generate(module: Cryptoki, slot_id: int, session: int, kind: str, label: str) -> Message:
    """A key pair that is born sensitive and not extractable; read back, and its export attempted.

    The public part is read by the handle that the making gave: a search right afterwards may not find it yet (SoftHSM2 on a busy machine).

    Raises `MechanismUnsupported` (reason "no_generation" where the token makes no keys at all), `TokenFault` (reason "extractable") after
    destroying a key that could be taken out.
    """
    cka_id = os.urandom(_ID_BYTES)
    with binding.opened(module, slot_id) as own:
        with _generating(), binding.reported("C_GenerateKeyPair"):
            public, private = _pair(own, kind, cka_id, label, _uses(module))
        assert private.handle is not None
        assert public.handle is not None
        parts = objects.public_parts_of(module, session, public.handle) or objects.public_parts(module, session, cka_id)
        attributes = objects.protection(module, session, private.handle)
        attempts = protection.attempts(module, slot_id, session, private.handle)
        leaks = [name for name, outcome in attempts.items() if outcome == "succeeded"]
        if leaks or attributes["sensitive"] is not True or attributes["extractable"] is not False:
            with binding.reported("C_DestroyObject"):
                private.destroy()
                public.destroy()
            raise TokenFault(reason="extractable", attempts=", ".join(leaks))
        asks = objects.always_authenticate(module, session, private.handle)
    shown = {name: to_text(value) for name, value in parts.items()}
    return {"id": cka_id.hex(), "public": shown, "attributes": attributes, "export_attempts": attempts, "always_authenticate": asks}


@contextmanager
def _generating() -> Iterator[None]:
    """Keys of many UKeys come from whoever issues them: that such a token makes none is no fault of it."""
    try:
        yield
    except TokenFault as exc:
        if exc.facts.get("ckr") != "CKR_FUNCTION_NOT_SUPPORTED":
            raise
        raise MechanismUnsupported(**exc.facts, reason="no_generation") from None


def _uses(module: Cryptoki) -> MechanismFlag:
    """What a key is for; some makes generate none that cannot do everything."""
    return _ALL_USES if profile_of(ModuleRef("", module.path, "added")).all_usages else _USE


def _pair(own: types.Session, kind: str, cka_id: bytes, label: str, uses: MechanismFlag) -> tuple[types.PublicKey, types.PrivateKey]:
    made: tuple[types.PublicKey, types.PrivateKey]
    if kind in _BITS:
        made = own.generate_keypair(
            KeyType.RSA, _BITS[kind], id=cka_id, label=label, store=True, capabilities=uses, private_template=dict(_PRIVATE)
        )  # fmt: skip
    elif kind in _CURVES:
        curve = own.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _CURVES[kind]}, local=True)
        made = curve.generate_keypair(id=cka_id, label=label, store=True, capabilities=uses, private_template=dict(_PRIVATE))
    else:
        raise MechanismUnsupported(key_type=kind)
    return made


def write_certificate(module: Cryptoki, slot_id: int, session: int, args: Message) -> Message:
    """A certificate object under the key's CKA_ID; nothing when the very same one is there."""
    cka_id, der = bytes.fromhex(args["id"]), to_bytes(args["der"])
    same = {ck.CKA_CLASS: ck.number(ck.CKO_CERTIFICATE), ck.CKA_ID: cka_id, ck.CKA_VALUE: der}
    if module.find(session, same):
        return {"written": False}
    template = {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.ID: cka_id,
        Attribute.LABEL: args["label"],
        Attribute.SUBJECT: to_bytes(args["subject"]),
        Attribute.ISSUER: to_bytes(args["issuer"]),
        Attribute.SERIAL_NUMBER: to_bytes(args["serial"]),
        Attribute.VALUE: der,
    }
    with binding.opened(module, slot_id) as own, binding.reported("C_CreateObject"):
        own.create_object(template)
    return {"written": True}
