"""Signature wrapping (SWA) and holes: the signed bytes are still there, but not where they are read from; or not all bytes were ever signed."""

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import Material, byte_range_text, gap, painted, sign_over, table
from tests.verification.attacks.material import body as body_of


def _moved(m: Material, filler: bytes, *, range_too: bool) -> bytes:
    """[SWA] The second signed part moved back, `filler` in the space between; /ByteRange as it was, or pointing to the new place."""
    _, end = gap(m.signed)
    data = m.signed
    if range_too:
        first, second, length = gap(data)[0], end + len(filler), len(data) - end
        text = byte_range_text(data)
        data = data.replace(text, (b"/ByteRange [0 %d %d %d]" % (first, second, length)).ljust(len(text)), 1)
    return data[:end] + filler + data[end:]


def _evil(m: Material) -> bytes:
    """Objects with a table of their own, to stand between the two signed parts."""
    _, end = gap(m.signed)
    text, offsets = body_of(painted(m.signed), end + 1)
    return b"\n" + text + table(offsets)


def _hole(m: Material, before: int, after: int) -> bytes:
    """Signed by the signer herself over a range whose hole is larger than its /Contents."""
    start, end = gap(m.signed)
    return sign_over(m.signed, [0, start - before, end + after, len(m.signed) - end - after], m.pki, m.pki.signer)


def _ranges(m: Material, *parts: int) -> bytes:
    return sign_over(m.signed, parts, m.pki, m.pki.signer)


def _tail_unsigned(m: Material) -> bytes:
    start, end = gap(m.signed)
    return sign_over(m.signed, [0, start, end, len(m.signed) - end - 60], m.pki, m.pki.signer)


def _head_unsigned(m: Material) -> bytes:
    start, end = gap(m.signed)
    return sign_over(m.signed, [200, start - 200, end, len(m.signed) - end], m.pki, m.pki.signer)


def _three(m: Material) -> bytes:
    start, end = gap(m.signed)
    text = byte_range_text(m.signed)
    room = len(text) - len(b"/ByteRange []")
    parts = [0, 100, 200, start - 200, end, len(m.signed) - end]
    assert len(" ".join(map(str, parts))) <= room
    return sign_over(m.signed, parts, m.pki, m.pki.signer)


def _hex_hole(m: Material) -> bytes:
    """White space, comments or a second string inside the hole: readers differ in what /Contents is."""
    start, end = gap(m.signed)
    room = end - start
    inner = m.signed[start + 1 : end - 1]
    shorter = b"<" + inner[: room - 60] + b"> %" + b"x" * (room - len(inner[: room - 60]) - 5) + b">"
    return m.signed[:start] + shorter[: room - 1] + b">" + m.signed[end:]


def _two_strings(m: Material) -> bytes:
    start, end = gap(m.signed)
    inner = m.signed[start + 1 : end - 1]
    half = len(inner) - 40
    return m.signed[: start + 1] + inner[: half - 2] + b"><" + inner[half:] + m.signed[end - 1 :]


def _spaces(m: Material) -> bytes:
    start, end = gap(m.signed)
    inner = m.signed[start + 1 : end - 1]
    return m.signed[: start + 1] + inner[:-2] + b"  " + m.signed[end - 1 :]


ATTACKS: list[Attack] = [
    attack("swa-shifted", lambda m: _moved(m, b" " * 200, range_too=False)),
    attack("swa-shifted-range", lambda m: _moved(m, b" " * 200, range_too=True)),
    attack("swa-objects", lambda m: _moved(m, _evil(m), range_too=False)),
    attack("swa-objects-range", lambda m: _moved(m, _evil(m), range_too=True)),
    attack("swa-one-byte", lambda m: _moved(m, b" ", range_too=True), "byte_range_wrong"),
    attack("hole-before", lambda m: _hole(m, 40, 0), "byte_range_wrong", verdict="failed"),
    attack("hole-after", lambda m: _hole(m, 0, 40), "byte_range_wrong", verdict="failed"),
    attack("hole-both", lambda m: _hole(m, 1, 1), "byte_range_wrong", verdict="failed"),
    attack("hole-head", _head_unsigned, "byte_range_wrong", verdict="failed"),
    attack("hole-tail", _tail_unsigned, verdict="failed"),
    attack("hole-three-parts", _three, "byte_range_wrong", verdict="failed"),
    attack("hole-one-part", lambda m: _ranges(m, 0, gap(m.signed)[0], gap(m.signed)[1], 0), verdict="failed"),
    attack("hole-overlap", lambda m: _ranges(m, 0, gap(m.signed)[0], 10, len(m.signed) - 10), "byte_range_wrong", verdict="failed"),
    attack("hole-comment", _hex_hole),
    attack("hole-two-strings", _two_strings),
    attack("hole-spaces", _spaces, "byte_range_wrong"),
]
