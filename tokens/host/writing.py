"""What writes to a token: key pairs, with the attempt to take the private key out again, and certificates."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from tokens.errors import MechanismUnsupported, TokenFault
from tokens.host import binding, objects
from tokens.host import cryptoki as ck
from tokens.host.binding import Attribute, CertificateType, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error, types
from tokens.host.cryptoki import Cryptoki
from tokens.host.returns import name_of_exception
from tokens.wire import Message, to_bytes

_BITS = {"rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}
_CURVES = {
    "p256": bytes.fromhex("06082a8648ce3d030107"),
    "p384": bytes.fromhex("06052b81040022"),
    "p521": bytes.fromhex("06052b81040023"),
}
_ID_BYTES = 20
_PRIVATE: Mapping[Attribute, Any] = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
_USE = MechanismFlag.SIGN | MechanismFlag.VERIFY


def generate(module: Cryptoki, slot_id: int, session: int, kind: str, label: str) -> Message:
    """A key pair that is born sensitive and not extractable; read back, and its export attempted.

    Raises `MechanismUnsupported`; `TokenFault` (reason "extractable") after destroying a key that could be taken out.
    """
    cka_id = os.urandom(_ID_BYTES)
    with binding.opened(module, slot_id) as own:
        with binding.reported("C_GenerateKeyPair"):
            public, private = _pair(own, kind, cka_id, label)
        assert private.handle is not None
        attributes = objects.protection(module, session, private.handle)
        attempts = _export_attempts(module, slot_id, own, private)
        leaks = [name for name, outcome in attempts.items() if outcome == "succeeded"]
        if leaks or attributes["sensitive"] is not True or attributes["extractable"] is not False:
            with binding.reported("C_DestroyObject"):
                private.destroy()
                public.destroy()
            raise TokenFault(reason="extractable", attempts=", ".join(leaks))
    return {"id": cka_id.hex(), "attributes": attributes, "export_attempts": attempts}


def _pair(own: types.Session, kind: str, cka_id: bytes, label: str) -> tuple[types.PublicKey, types.PrivateKey]:
    made: tuple[types.PublicKey, types.PrivateKey]
    if kind in _BITS:
        made = own.generate_keypair(
            KeyType.RSA, _BITS[kind], id=cka_id, label=label, store=True, capabilities=_USE, private_template=dict(_PRIVATE)
        )  # fmt: skip
    elif kind in _CURVES:
        curve = own.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _CURVES[kind]}, local=True)
        made = curve.generate_keypair(id=cka_id, label=label, store=True, capabilities=_USE, private_template=dict(_PRIVATE))
    else:
        raise MechanismUnsupported(key_type=kind)
    return made


def _export_attempts(module: Cryptoki, slot_id: int, own: types.Session, private: types.PrivateKey) -> dict[str, str]:
    """Try to take the key out in four ways; each is refused with a CKR_ name, or "not_offered", or alas "succeeded"."""
    secret = Attribute.PRIVATE_EXPONENT if private.key_type == KeyType.RSA else Attribute.VALUE
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: private[secret],
        "wrap": lambda: _wrap(module, slot_id, own, private),
        "copy": lambda: _copy(private),
        "make_extractable": lambda: private.__setitem__(Attribute.EXTRACTABLE, True),
    }
    return {name: _outcome(attempt) for name, attempt in attempts.items()}


def _copy(private: types.PrivateKey) -> None:
    """A copy with the protection taken off, for the session only."""
    private.copy({Attribute.TOKEN: False, Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False})


def _wrap(module: Cryptoki, slot_id: int, own: types.Session, private: types.PrivateKey) -> None:
    offered = module.mechanisms(slot_id)
    how = next((m for m in (Mechanism.AES_KEY_WRAP_PAD, Mechanism.AES_KEY_WRAP) if m in offered), None)
    if how is None or Mechanism.AES_KEY_GEN not in offered:
        raise NotImplementedError
    wrapper = own.generate_key(KeyType.AES, 256, capabilities=MechanismFlag.WRAP)
    try:
        assert isinstance(wrapper, types.WrapMixin)
        wrapper.wrap_key(private, mechanism=how)
    finally:
        wrapper.destroy()


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except PKCS11Error as exc:
        return name_of_exception(exc)
    except (NotImplementedError, AttributeError):
        return "not_offered"
    return "succeeded"


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
