"""A ZIP file read strictly: what two programs could read differently is told, what would swell beyond bounds is refused.

Nothing is ever unpacked to the disk.  Own code, because `zipfile` takes the directory's word for most things and passes over what lies between.
"""

import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from agent.verification.model import Finding, clean, found

ENTRIES_MAX = 10_000
DIRECTORY_MAX = 16 * 1024 * 1024
UNPACKED_MAX = 1024 * 1024 * 1024
"""Bytes all entries together may have, unpacked."""
_CHUNK = 256 * 1024
_EXTRA_MAX = 4200
"""Bytes of additional fields before one entry; some programs align entries with them."""
_END, _ENTRY, _LOCAL, _END_SIZE = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04", 22
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_FLAGS = _ENCRYPTED | 0x6 | _DESCRIPTOR | _UTF8
_VERSION_MAX = 63
_UNICODE_PATH, _ZIP64 = 0x7075, 0x0001
_WIDE = 0xFFFFFFFF


class NotAContainer(ValueError):
    """No ZIP file, or one too broken to say what is in it."""


class TooLarge(ValueError):
    """More than this program unpacks."""


class Damaged(ValueError):
    """An entry that cannot be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the container."""

    name: str
    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: int
    """Where its local header begins."""
    attributes: int
    extra: bytes
    version: int
    """What a program has to know to unpack it, by the format's own count."""


@dataclass(slots=True)
class Container:
    """The entries of an open ZIP file by name, and what is wrong with it."""

    stream: BinaryIO
    entries: dict[str, Entry] = field(default_factory=dict)
    doubts: list[Finding] = field(default_factory=list)
    comment: bytes = b""
    _data: dict[str, int] = field(default_factory=dict)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of an entry, unpacked; raises `Damaged` for it, or at its end where length or check sum are wrong."""
        entry = self.entries[name]
        if name not in self._data:
            raise Damaged("header")
        if entry.flags & _ENCRYPTED:
            raise Damaged("encrypted")
        if entry.method not in (_STORED, _DEFLATED):
            raise Damaged(f"method {entry.method}")
        crc = size = 0
        for piece in self._unpacked(entry):
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            if size > entry.size:
                raise Damaged("size")
            yield piece
        if size != entry.size:
            raise Damaged("size")
        if crc != entry.crc:
            raise Damaged("CRC")

    def _unpacked(self, entry: Entry) -> Iterator[bytes]:
        inflate = zlib.decompressobj(-15) if entry.method == _DEFLATED else None
        at, left = self._data[entry.name], entry.packed
        while left:
            self.stream.seek(at)
            packed = self.stream.read(min(left, _CHUNK))
            if not packed:
                raise Damaged("cut off")
            at, left = at + len(packed), left - len(packed)
            if inflate is None:
                yield packed
                continue
            while packed:
                try:
                    piece = inflate.decompress(packed, _CHUNK)
                except zlib.error as exc:
                    raise Damaged("deflate") from exc
                packed = inflate.unconsumed_tail
                if inflate.unused_data:
                    raise Damaged("bytes after the end")
                if piece:
                    yield piece
        while inflate is not None and not inflate.eof:
            try:
                piece = inflate.decompress(inflate.unconsumed_tail, _CHUNK)
            except zlib.error as exc:
                raise Damaged("deflate") from exc
            if not piece:
                raise Damaged("cut off")
            yield piece

    def read(self, name: str, most: int) -> bytes:
        """A whole entry of at most `most` bytes; raises `Damaged`."""
        if self.entries[name].size > most:
            raise Damaged("size")
        return b"".join(self.chunks(name))


def is_zip(head: bytes) -> bool:
    """Whether a file begins like a ZIP file with something in it."""
    return head[:4] == _LOCAL


def open_container(stream: BinaryIO) -> Container:
    """Read the directory and hold every entry's own header against it; raises `NotAContainer` and `TooLarge`."""
    length = stream.seek(0, 2)
    start, size, count, comment = _end(stream, length)
    if count > ENTRIES_MAX or size > DIRECTORY_MAX:
        raise TooLarge(f"{count}")
    stream.seek(start)
    directory = stream.read(size)
    box = Container(stream, comment=comment)
    listed = list(_directory(directory))
    if len(listed) != count:
        box.doubts.append(found("container_irregular", detail=f"{len(listed)} / {count}"))
    if sum(e.size for e in listed) > UNPACKED_MAX:
        raise TooLarge(f"{sum(e.size for e in listed) >> 20} MB")
    _fill(box, listed)
    _check_places(box, listed, start)
    return box


def _end(stream: BinaryIO, length: int) -> tuple[int, int, int, bytes]:
    """Where the directory begins, its bytes and entries, and the comment; it has to lie right before the end record, and that at the very end."""
    at = max(0, length - _END_SIZE - 0xFFFF)
    stream.seek(at)
    tail = stream.read()
    place = tail.rfind(_END)
    while place >= 0:
        if len(tail) >= place + _END_SIZE:
            disk, first, here, count, size, start, comment = struct.unpack_from("<4H2LH", tail, place + 4)
            if place + _END_SIZE + comment == len(tail):
                if disk or first or here != count or _WIDE in (size, start) or start + size != at + place:
                    raise NotAContainer("end record")
                return start, size, count, tail[place + _END_SIZE :]
        place = tail.rfind(_END, 0, place)
    raise NotAContainer("no end record")


def _directory(data: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        if data[at : at + 4] != _ENTRY or len(data) < at + 46:
            raise NotAContainer("directory")
        version, flags, method, crc, packed, size, named, extra, comment, disk, attributes, header = struct.unpack_from(
            "<HHH4xLLLHHHH2xLL", data, at + 6
        )
        at += 46
        if len(data) < at + named + extra + comment or disk or _WIDE in (packed, size, header):
            raise NotAContainer("directory")
        raw = data[at : at + named]
        yield Entry(_name(raw, flags), raw, flags, method, crc, packed, size, header, attributes, data[at + named : at + named + extra], version)
        at += named + extra + comment


def _name(raw: bytes, flags: int) -> str:
    """By the flag UTF-8; without it the standard says code page 437, while programs write what their system uses."""
    for encoding in ("utf-8",) if flags & _UTF8 else ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437")


def _fill(box: Container, listed: list[Entry]) -> None:
    seen: dict[str, str] = {}
    for entry in listed:
        plain = unicodedata.normalize("NFC", entry.name).casefold().rstrip("/")
        if plain in seen:
            box.doubts.append(found("container_ambiguous", detail=f"{entry.name} ×2"))
        seen[plain] = entry.name
        if entry.name in box.entries:
            continue
        box.entries[entry.name] = entry
        if odd := _odd(entry):
            box.doubts.append(found("container_irregular", detail=f"{clean(entry.name)}: {odd}"))
        if any(kind == _UNICODE_PATH and value[5:] != entry.raw for kind, value in _extras(entry.extra)):
            box.doubts.append(found("container_ambiguous", detail=f"{entry.name}: second name"))


def _odd(entry: Entry) -> str | None:
    """What would hurt whoever unpacks it, or make it look like something else."""
    parts = entry.name.split("/")
    if not entry.name or entry.name.startswith("/") or ".." in parts or "." in parts or "\\" in entry.name or ":" in parts[0]:
        return "path"
    if clean(entry.name) != entry.name and len(entry.name) < 200:
        return "name"
    kind = stat.S_IFMT(entry.attributes >> 16)
    if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "link"
    if entry.name.endswith("/") and entry.size:
        return "folder with content"
    if entry.version > _VERSION_MAX or entry.flags & ~_FLAGS:
        return "version"
    return None


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _check_places(box: Container, listed: list[Entry], end: int) -> None:
    """Each entry's own header says the same, they do not overlap, and nothing lies between them."""
    last = 0
    for entry in sorted(listed, key=lambda e: e.header):
        if entry.header < last:
            box.doubts.append(found("container_ambiguous", detail=f"{entry.name}: overlap"))
        elif entry.header > last:
            box.doubts.append(found("container_irregular", detail=f"{entry.header - last} bytes before {clean(entry.name)}"))
        data, difference = _local(box.stream, entry)
        if difference:
            box.doubts.append(found("container_ambiguous", detail=f"{entry.name}: {difference}"))
        if data is None:
            return
        if max(data - entry.header - 30 - len(entry.raw), len(entry.extra)) > _EXTRA_MAX:  # room for a whole other document
            box.doubts.append(found("container_irregular", detail=f"{clean(entry.name)}: extra"))
        if box.entries.get(entry.name) is entry:
            box._data[entry.name] = data
        last = data + entry.packed
        if entry.flags & _DESCRIPTOR:
            last += _descriptor(box.stream, last, entry)
    if last < end:
        box.doubts.append(found("container_irregular", detail=f"{end - last} bytes before the directory"))
    elif last > end:
        box.doubts.append(found("container_ambiguous", detail="overlap"))


def _local(stream: BinaryIO, entry: Entry) -> tuple[int | None, str | None]:
    """Where the data of an entry begins (None: not known), and in what its own header differs from the directory."""
    stream.seek(entry.header)
    header = stream.read(30)
    if header[:4] != _LOCAL or len(header) < 30:
        return None, "header"
    flags, method, crc, packed, size, named, extra = struct.unpack_from("<HH4xLLLHH", header, 6)
    raw = stream.read(named)
    wide = dict(_extras(stream.read(extra))).get(_ZIP64, b"")
    data = entry.header + 30 + named + extra
    if raw != entry.raw or (flags ^ entry.flags) & _UTF8:
        return data, "name"
    if method != entry.method or (flags ^ entry.flags) & (_ENCRYPTED | _DESCRIPTOR):
        return data, "method"
    if size == packed == _WIDE and len(wide) >= 16:
        size, packed = struct.unpack_from("<QQ", wide)
    told = (crc, entry.crc), (packed, entry.packed), (size, entry.size)
    if all(here == there or (flags & _DESCRIPTOR and here == 0) for here, there in told):  # what follows the data says the rest
        return data, None
    return data, "size"


def _descriptor(stream: BinaryIO, at: int, entry: Entry) -> int:
    """The bytes of the data descriptor behind an entry, by its four forms; 0 where it is none of them."""
    stream.seek(at)
    there = stream.read(24)
    for form in ("<LLL", "<LQQ"):
        told = struct.pack(form, entry.crc, entry.packed, entry.size)
        for mark in (b"PK\x07\x08", b""):
            if there.startswith(mark + told):
                return len(mark + told)
    return 0
