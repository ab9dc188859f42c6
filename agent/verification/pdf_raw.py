"""What the raw bytes of a PDF say, whatever a parser makes of them: its end, byte ranges, the gap of a signature (ISO 32000-2 7.5.5, 12.8.1)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from agent.verification.model import Finding, found

_WHITE = b"\0\t\n\f\r "
_CHUNK = 4 * 1024 * 1024
_EOF = b"%%EOF"
_HEX = re.compile(rb"[0-9A-Fa-f]*")
_BYTE_RANGE = re.compile(rb"/ByteRange\s{0,64}\[\s{0,64}(\d{1,15})\s{1,64}(\d{1,15})\s{1,64}(\d{1,15})\s{1,64}(\d{1,15})\s{0,64}\]")
_LONGEST_RANGE = 512
_RANGES_MAX = 10_000
_LAST_STARTXREF = re.compile(rb"startxref[\0\t\n\f\r ]+(\d{1,15})[\0\t\n\f\r ]*\Z")
_GAP_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class End:
    """How a file ends."""

    size: int
    trailing: int
    """Bytes from the first one after the last %%EOF that is not white space to the end; the whole file where there is no %%EOF."""
    startxref: int | None
    """Number before the last %%EOF, or None where something else stands there."""


def size_of(stream: BinaryIO) -> int:
    """Length in bytes."""
    return stream.seek(0, 2)


def _read(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start)
    return stream.read(length)


def _last(stream: BinaryIO, size: int, needle: bytes) -> int:
    """Offset of the last occurrence, or -1; reads from the end."""
    end = size
    while end > 0:
        start = max(0, end - _CHUNK)
        at = _read(stream, start, end - start + len(needle) - 1).rfind(needle)
        if at >= 0:
            return start + at
        end = start
    return -1


def end_of(stream: BinaryIO) -> End:
    """Look at the end of the file."""
    size = size_of(stream)
    at = _last(stream, size, _EOF)
    if at < 0:
        return End(size, size, None)
    trailing = 0
    position = at + len(_EOF)
    while position < size:
        chunk = _read(stream, position, _CHUNK)
        rest = chunk.lstrip(_WHITE)
        if rest:
            trailing = size - (position + len(chunk) - len(rest))
            break
        position += len(chunk)
    before = _LAST_STARTXREF.search(_read(stream, max(0, at - 256), min(at, 256)))
    return End(size, trailing, int(before[1]) if before else None)


def only_white(stream: BinaryIO, start: int) -> bool:
    """Whether nothing but white space stands from `start` to the end."""
    stream.seek(start)
    while chunk := stream.read(_CHUNK):
        if chunk.strip(_WHITE):
            return False
    return True


def byte_ranges(stream: BinaryIO) -> Iterator[tuple[int, int, int, int]]:
    """Every `/ByteRange [a b c d]` that stands in the file, in order, wherever it stands."""
    position = 0  # kept here: whoever iterates may read elsewhere meanwhile
    kept = b""
    count = 0
    while (chunk := _read(stream, position, _CHUNK)) and count < _RANGES_MAX:
        position += len(chunk)
        data = kept + chunk
        last = 0
        for match in _BYTE_RANGE.finditer(data):
            first, second, third, fourth = (int(g) for g in match.groups())
            yield first, second, third, fourth
            last = match.end()
            count += 1
        kept = data[max(last, len(data) - _LONGEST_RANGE) :]


def check_byte_range(stream: BinaryIO, numbers: Sequence[object], contents: bytes) -> list[Finding]:
    """The range must be [0 a b c] inside the file, and the gap between its parts exactly the hexadecimal string of /Contents with its brackets."""
    if len(numbers) != 4 or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        return [found("byte_range_wrong", detail="/ByteRange")]
    zero, first, second, length = (int(str(n)) for n in numbers)
    size = size_of(stream)
    if zero != 0 or first <= 0 or length < 0 or second <= first or second + length > size:
        return [found("byte_range_wrong", detail=f"{zero} {first} {second} {length}")]
    if second - first > _GAP_MAX:
        return [found("byte_range_wrong", detail="gap")]
    gap = _read(stream, first, second - first)
    inner = gap[1:-1]
    if gap[:1] != b"<" or gap[-1:] != b">" or len(inner) % 2 or not _HEX.fullmatch(inner):
        return [found("byte_range_wrong", detail="gap")]
    if bytes.fromhex(inner.decode("ascii")) != contents:
        return [found("byte_range_wrong", detail="/Contents")]
    if inner != inner.upper() and inner != inner.lower():
        return [found("contents_padding", detail="hex")]
    return []


def is_signature_gap(stream: BinaryIO, numbers: tuple[int, int, int, int]) -> bool:
    """Whether a byte range found in the raw file has a hexadecimal string in its gap: so a signature of this file has, not one of an attachment."""
    zero, first, second, length = numbers
    if zero != 0 or second <= first or second - first > _GAP_MAX or second + length > size_of(stream):
        return False
    gap = _read(stream, first, second - first)
    return gap[:1] == b"<" and gap[-1:] == b">" and _HEX.fullmatch(gap[1:-1].replace(b"\n", b"").replace(b"\r", b"")) is not None


class Ranges:
    """Digests over [0, a) and [b, c) of one file for many signatures: what they have in common, their beginning, is hashed once."""

    def __init__(self, stream: BinaryIO, firsts: Iterable[int]) -> None:
        self._stream = stream
        self._firsts = sorted({n for n in firsts if 0 < n <= size_of(stream)})
        self._states: dict[str, dict[int, hashes.Hash]] = {}

    def digest(self, algorithm: str, first: int, second: int, length: int) -> bytes:
        """The digest under `algorithm` (asn1crypto's name) of the first `first` bytes and the `length` ones from `second`; raises ValueError."""
        if algorithm not in self._states:
            self._states[algorithm] = self._hash_beginnings(algorithm)
        state = self._states[algorithm][first].copy()
        self._feed(state, second, length)
        return state.finalize()

    def _hash_beginnings(self, algorithm: str) -> dict[int, hashes.Hash]:
        running = hashes.Hash(get_pyca_cryptography_hash(algorithm))
        out: dict[int, hashes.Hash] = {}
        at = 0
        for first in self._firsts:
            self._feed(running, at, first - at)
            at = first
            out[first] = running.copy()
        return out

    def _feed(self, state: hashes.Hash, start: int, length: int) -> None:
        self._stream.seek(start)
        while length > 0 and (chunk := self._stream.read(min(_CHUNK, length))):
            state.update(chunk)
            length -= len(chunk)
