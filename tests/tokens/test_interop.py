"""Other programs on the same token: pkcs11-tool sees our keys, signs with them, makes keys that we use."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tests.tokens.conftest import LABEL, PIN, Bench
from tokens.errors import PinIncorrect, TokenError
from tokens.types import Key, KeyType, SignatureScheme


def _tool(bench: Bench, *arguments: str) -> str:
    command = ["pkcs11-tool", "--module", bench.ref.path, "--token-label", LABEL, "--login", "--pin", PIN, *arguments]
    done = subprocess.run(command, env={"PATH": "/usr/bin", "LANG": "C.UTF-8", **dict(bench.ref.env)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pkcs11_tool_lists_our_keys_as_unextractable(bench: Bench, keys: dict[KeyType, Key]) -> None:
    listed = _tool(bench, "--list-objects", "--type", "privkey")
    for key in keys.values():
        assert key.cka_id.hex() in listed
        assert key.label in listed
    assert listed.count("sensitive, always sensitive, never extractable, local") == len(keys)


@pytest.mark.parametrize(
    ("kind", "scheme", "options"),
    [
        (KeyType.RSA2048, SignatureScheme.RSA_PKCS1_SHA256, []),
        (KeyType.RSA2048, SignatureScheme.RSA_PSS_SHA256, ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]),
        (KeyType.P256, SignatureScheme.ECDSA_SHA256, []),
    ],
)
def test_openssl_verifies(bench: Bench, keys: dict[KeyType, Key], tmp_path: Path, kind: KeyType, scheme: SignatureScheme, options: list[str]) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            public_key = load_der_public_key(await session.public_key(keys[kind].cka_id))
            (tmp_path / "p.pem").write_bytes(public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            (tmp_path / "sig").write_bytes(await session.sign(keys[kind].cka_id, scheme, b"drawing"))

    asyncio.run(run())
    (tmp_path / "data").write_bytes(b"drawing")
    command = ["openssl", "dgst", "-sha256", "-verify", "p.pem", "-signature", "sig", *options, "data"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_a_key_that_asks_for_the_pin_at_every_signature(bench: Bench) -> None:
    """CKA_ALWAYS_AUTHENTICATE: the host keeps the PIN for the session and logs in anew for each signature (PIV 9C)."""
    _tool(bench, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "9c", "--label", "always", "--always-auth")

    async def run() -> None:
        async with await bench.logged_in() as session:
            for _ in range(3):
                await session.sign(b"\x9c", SignatureScheme.ECDSA_SHA256, b"x")

    asyncio.run(run())


@pytest.mark.promise(2)
def test_a_pin_refused_at_a_signature_is_not_tried_again_by_those_behind_it(shim: Bench) -> None:
    _tool(shim, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "9c", "--label", "always", "--always-auth")

    async def run() -> None:
        async with await shim.logged_in() as session:
            await session.public_key(b"\x9c")
            shim.say("fail C_Login.context a0")
            signing = [session.sign(b"\x9c", SignatureScheme.ECDSA_SHA256, b"x") for _ in range(5)]
            outcomes = await asyncio.gather(*signing, return_exceptions=True)
            assert shim.calls("C_Login.context") == 1
            assert isinstance(outcomes[0], PinIncorrect)
            assert all(isinstance(outcome, TokenError) for outcome in outcomes)

    asyncio.run(run())


def test_a_key_of_a_kind_we_do_not_use_is_listed_and_not_used(bench: Bench) -> None:
    _tool(bench, "--keypairgen", "--key-type", "EC:secp256k1", "--id", "51", "--label", "other")

    async def run() -> None:
        async with await bench.logged_in() as session:
            assert (b"\x51", KeyType.OTHER) in [(key.cka_id, key.type) for key in await session.keys()]
            assert await session.schemes(b"\x51") == ()

    asyncio.run(run())


_ENCRYPTION_ONLY = """
import sys, pkcs11
token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])
with token.open(rw=True, user_pin=sys.argv[3]) as session:
    for kind, use in ((pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.SIGN), (pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.Attribute.VERIFY)):
        for key in session.get_objects({pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.LABEL: "encrypt"}):
            key[use] = False
"""


def test_of_two_keys_under_one_id_the_signing_one_is_taken(bench: Bench) -> None:
    """Some UKeys keep a signing and an encryption key in one container; the order they are found in is the module's."""
    for label in ("encrypt", "sign"):
        _tool(bench, "--keypairgen", "--key-type", "rsa:2048", "--id", "77", "--label", label)
    subprocess.run([sys.executable, "-c", _ENCRYPTION_ONLY, bench.ref.path, LABEL, PIN], env=dict(bench.ref.env), check=True)

    async def run() -> None:
        async with await bench.logged_in() as session:
            (key,) = [key for key in await session.keys() if key.cka_id == b"\x77"]
            assert key.label == "sign"
            await session.sign(b"\x77", SignatureScheme.RSA_PKCS1_SHA256, b"x")
            assert [key.cka_id for key in await session.keys()] == sorted(key.cka_id for key in await session.keys())

    asyncio.run(run())
