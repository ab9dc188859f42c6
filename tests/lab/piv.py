"""A PIV card (NIST SP 800-73-4, part 2) in memory: what a real one answers to OpenSC, with its PIN ladder and a key that asks each time.

`Card.answer` takes one command APDU and gives the response with its status word; a `Reader` (tests/lab/readers.py) carries them.
Left out: secure messaging, the management key (keys are made when the card is), biometrics.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.lab import authority

ATR = bytes.fromhex("3b800181")  # T=1, nothing else to say
AUTHENTICATION, SIGNATURE = 0x9A, 0x9C
_APPLICATION = bytes.fromhex("a00000030800001000")
_CERTIFICATES = {AUTHENTICATION: "5fc105", SIGNATURE: "5fc10a", 0x9D: "5fc10b", 0x9E: "5fc101"}
_ALGORITHMS = {0x07: ("rsa", 2048), 0x05: ("rsa", 3072), 0x11: ("ec", 256), 0x14: ("ec", 384)}  # SP 800-78-4, table 6-2
_OK, _NOT_FOUND, _WRONG_DATA, _DENIED, _BLOCKED = "9000", "6a82", "6a80", "6982", "6983"
_PIN, _PUK = 0x80, 0x81
_NO_AGENCY = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3f5")  # FASC-N 9999…: the GUID is what names the card

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def tlv(tag: str, value: bytes) -> bytes:
    """One BER-TLV object."""
    size = len(value)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    return bytes.fromhex(tag) + length + value


def values(data: bytes) -> Mapping[int, bytes]:
    """The objects of one level, one-byte tags."""
    found, at = {}, 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size > 0x80:
            size, at = int.from_bytes(data[at : at + size - 0x80], "big"), at + size - 0x80
        found[tag] = data[at : at + size]
        at += size
    return found


@dataclass(slots=True)
class Secret:
    """A PIN or PUK with its tries."""

    value: str
    most: int
    left: int = 0

    def __post_init__(self) -> None:
        self.left = self.most

    def check(self, given: bytes) -> str:
        """Status word; a right one makes all tries whole again."""
        if not self.left:
            return _BLOCKED
        if given.rstrip(b"\xff") == self.value.encode():
            self.left = self.most
            return _OK
        self.left -= 1
        return f"63c{self.left:x}" if self.left else _BLOCKED


@dataclass(slots=True)
class Card:
    """One card.  `log` has the name of every command that reached it; `verified` is the login of the present insertion."""

    pin: Secret
    puk: Secret
    keys: Mapping[int, PrivateKey]
    objects: Mapping[bytes, bytes]
    """GET DATA by tag."""
    log: list[str] = field(default_factory=list)
    on_sign: Callable[[], None] | None = None
    """Called when a signature is asked for, before it is made."""
    _verified: bool = False
    _fresh: bool = False
    """The PIN was the very last thing verified: what the 9C key demands."""
    _chained: bytes = b""
    _waiting: bytes = b""

    def reset(self) -> None:
        """Power on, or a reset by the reader."""
        self._verified = self._fresh = False
        self._chained = self._waiting = b""

    def answer(self, apdu: bytes) -> bytes:
        """One response."""
        cla, ins, p1, p2 = apdu[:4]
        data, most = _body(apdu)
        if ins == 0xC0:  # GET RESPONSE
            return self._part(most)
        self._waiting = b""
        if cla & 0x10:  # command chaining
            self._chained += data
            return bytes.fromhex(_OK)
        data, self._chained = self._chained + data, b""
        fresh, self._fresh = self._fresh, False
        match ins:
            case 0xA4:
                response, status = self._select(data)
            case 0xCB:
                response, status = self._get_data(data)
            case 0x20:
                response, status = b"", self._verify(p1, p2, data)
            case 0x24:
                response, status = b"", self._change(p2, data)
            case 0x2C:
                response, status = b"", self._unblock(data)
            case 0x87:
                response, status = self._sign(p1, p2, data, fresh)
            case _:
                self.log.append(f"{ins:02x}")
                response, status = b"", "6d00"
        self._waiting = response
        return self._part(most) if status == _OK else bytes.fromhex(status)

    def _part(self, most: int) -> bytes:
        part, self._waiting = self._waiting[:most], self._waiting[most:]
        return part + (bytes([0x61, min(len(self._waiting), 0xFF)]) if self._waiting else bytes.fromhex(_OK))

    def _select(self, aid: bytes) -> tuple[bytes, str]:
        self.log.append("select")
        if not _APPLICATION.startswith(aid[:9]) or not aid:
            return b"", _NOT_FOUND
        return tlv("61", tlv("4f", _APPLICATION[5:] + b"\1\0") + tlv("79", tlv("4f", _APPLICATION[:5]))), _OK

    def _get_data(self, data: bytes) -> tuple[bytes, str]:
        found = self.objects.get(values(data).get(0x5C, b""))
        return (found, _OK) if found is not None else (b"", _NOT_FOUND)

    def _verify(self, p1: int, which: int, data: bytes) -> str:
        if which != _PIN:
            return "6a88"
        if p1 == 0xFF:
            self._verified = False
            return _OK
        if not data:  # how it stands
            return _OK if self._verified else f"63c{self.pin.left:x}" if self.pin.left else _BLOCKED
        self.log.append("verify")
        status = self.pin.check(data)
        self._verified = self._fresh = status == _OK
        return status

    def _change(self, which: int, data: bytes) -> str:
        self.log.append("change")
        secret = {_PIN: self.pin, _PUK: self.puk}.get(which)
        if secret is None or len(data) != 16:
            return _WRONG_DATA
        status = secret.check(data[:8])
        if status == _OK:
            secret.value = data[8:].rstrip(b"\xff").decode()
        self._verified = status == _OK and which == _PIN
        return status

    def _unblock(self, data: bytes) -> str:
        self.log.append("unblock")
        if len(data) != 16:
            return _WRONG_DATA
        status = self.puk.check(data[:8])
        if status == _OK:
            self.pin.value, self.pin.left = data[8:].rstrip(b"\xff").decode(), self.pin.most
        return status

    def _sign(self, algorithm: int, which: int, data: bytes, fresh: bool) -> tuple[bytes, str]:
        self.log.append("sign")
        if self.on_sign is not None:
            self.on_sign()
        key, kind = self.keys.get(which), _ALGORITHMS.get(algorithm)
        challenge = values(values(data).get(0x7C, b"")).get(0x81)
        if key is None or kind is None or challenge is None or key.key_size != kind[1]:
            return b"", _WRONG_DATA
        if not self._verified or (which == SIGNATURE and not fresh):
            return b"", _DENIED
        return tlv("7c", tlv("82", raw_signature(key, challenge))), _OK


def raw_signature(key: PrivateKey, data: bytes) -> bytes:
    """RSA: the bare private operation on a padded block; EC: ECDSA over a digest, DER."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        size = key.key_size // 8
        return pow(int.from_bytes(data, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    by_size = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
    return key.sign(data, ec.ECDSA(Prehashed(by_size[len(data)])))


def _body(apdu: bytes) -> tuple[bytes, int]:
    """Data and the most bytes that are expected back (ISO 7816-3, 12.1: short and extended)."""
    body = apdu[4:]
    if not body:
        return b"", 256
    if len(body) == 1:
        return b"", body[0] or 256
    if body[0]:
        return body[1 : 1 + body[0]], (body[-1] or 256) if len(body) > 1 + body[0] else 256
    if len(body) == 3:
        return b"", int.from_bytes(body[1:], "big") or 65536
    size = int.from_bytes(body[1:3], "big")
    rest = body[3 + size :]
    return body[3 : 3 + size], (int.from_bytes(rest, "big") or 65536) if rest else 256


def issue(name: str, serial: bytes, pin: str, puk: str, keys: Mapping[int, PrivateKey], tries: int = 3) -> Card:
    """A personalised card with a certificate for each key; `serial` (16 bytes) is the GUID of its CHUID, whose second half OpenSC shows."""
    objects = {
        bytes.fromhex("7e"): tlv("7e", tlv("4f", _APPLICATION + b"\1\0") + tlv("5f2f", b"\x40\0")),
        bytes.fromhex("5fc102"): tlv("53", tlv("30", _NO_AGENCY) + tlv("34", serial) + tlv("35", b"20991231") + tlv("3e", b"") + tlv("fe", b"")),
        bytes.fromhex("5fc107"): tlv(
            "53", tlv("f0", bytes.fromhex("a000000116") + bytes(16)) + tlv("f1", b"\x21") + tlv("f2", b"\x21") + tlv("fe", b"")
        ),
    }
    for slot, key in keys.items():
        der = authority.certificate(name, key.public_key(), declares_intent=slot == SIGNATURE)
        objects[bytes.fromhex(_CERTIFICATES[slot])] = tlv("53", tlv("70", der) + tlv("71", b"\0") + tlv("fe", b""))
    return Card(Secret(pin, tries), Secret(puk, tries), dict(keys), objects)
