"""Checkpoints in the C2SP form (promise 7): what is written can be read, by others too, and nothing else can."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from agent.ledger import checkpoint
from agent.ledger.checkpoint import Checkpoint, CheckpointError

pytestmark = pytest.mark.promise(7)

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
SPKI, OTHER_SPKI = (key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in (KEY, OTHER))
WHAT = Checkpoint("ab" * 32, 1_000_000, hashlib.sha256(b"root").digest())


def signed(what: Checkpoint = WHAT, key: ec.EllipticCurvePrivateKey = KEY) -> checkpoint.Note:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return checkpoint.signed(what, spki, key.sign(what.text().encode(), ec.ECDSA(hashes.SHA256())))


def test_the_form_is_that_of_the_specification() -> None:
    """Word by word from c2sp.org/tlog-checkpoint and c2sp.org/signed-note, without our own code."""
    text, signature = str(signed()).split("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size, base64.b64decode(root)) == ("yinxin/" + "ab" * 32, "1000000", WHAT.root)
    dash, name, encoded = signature.removesuffix("\n").split(" ")
    raw = base64.b64decode(encoded)
    assert (dash, name) == ("—", origin)
    assert raw[:4] == hashlib.sha256(SPKI).digest()[:4]
    KEY.public_key().verify(raw[4:], (text + "\n").encode(), ec.ECDSA(hashes.SHA256()))


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(size: int, org: bytes, root: bytes) -> None:
    note = signed(Checkpoint(org.hex(), size, root))
    assert checkpoint.parse(str(note).encode()) == note
    assert note.signed_by([OTHER_SPKI, SPKI]) == (SPKI,)


def test_no_byte_can_change() -> None:
    raw = str(signed()).encode()
    for at in range(len(raw)):
        for flip in (1, 0x20, 0x80):
            changed = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
            with pytest.raises(CheckpointError):
                checkpoint.parse(changed).signed_by([SPKI])


def test_signatures_of_strangers_count_for_nothing_and_hinder_nothing() -> None:
    ours, theirs = signed(), signed(key=OTHER)
    both = checkpoint.Note(WHAT, theirs.signatures + ours.signatures)
    assert checkpoint.parse(str(both).encode()).signed_by([SPKI]) == (SPKI,)
    assert set(both.signed_by([SPKI, OTHER_SPKI])) == {SPKI, OTHER_SPKI}
    with pytest.raises(CheckpointError, match="no known key"):
        theirs.signed_by([SPKI])


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    other = signed(Checkpoint(WHAT.org, WHAT.size + 1, WHAT.root))
    moved = checkpoint.Note(WHAT, signed(key=OTHER).signatures + other.signatures)
    with pytest.raises(CheckpointError) as raised:
        moved.signed_by([SPKI, OTHER_SPKI])
    assert raised.value.reason == "signature"


GOOD = str(signed()).encode()
HEAD, _, TAIL = GOOD.partition(b"\n\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        HEAD,
        HEAD + b"\n\n",
        GOOD + b"\n",
        GOOD[:-1],
        GOOD.replace(b"1000000", b"01000000"),
        GOOD.replace(b"1000000", b"+1000000"),
        GOOD.replace(b"1000000", b"10" * 40),
        GOOD.replace(b"1000000", "１000000".encode()),
        GOOD.replace(b"yinxin/ab", b"yinxin/AB"),
        HEAD + b"\nextension\n\n" + TAIL,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace("—".encode(), b"-"),
        b"\xff" + GOOD,
        HEAD + b"\n\n" + TAIL * 65,
        GOOD + b"x" * checkpoint.SIZE_MAX,
    ],
)
def test_nothing_else_is_a_checkpoint(raw: bytes) -> None:
    with pytest.raises(CheckpointError):
        checkpoint.parse(raw)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(CheckpointError):
        checkpoint.parse(raw)
