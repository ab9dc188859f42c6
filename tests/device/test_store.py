"""A device key in its files: whole or not there, never readable for others, and never another one than the certificate says."""

import asyncio
import base64
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import keyring
from agent.api.home import Home
from agent.device import files, store
from agent.device.key import Level
from agent.device.store import About, KeyLost
from agent.ledger import signed, statement

RAW = statement.make("a.b", {}, org=None, device="W").canonical()


def signs(home: Home, about: About) -> bool:
    key = store.load(home, about)
    made = asyncio.run(signed.sign_with(key, RAW))
    return signed.check(RAW, made).fingerprint == about.fingerprint


def enrolled(home: Home, level: Level = Level.FILE) -> About:
    about, _ = store.make(home, level)
    store.adopt(home, about)
    return about


def why(home: Home, about: About | None = None) -> str:
    with pytest.raises(KeyLost) as lost:
        store.load(home, about or store.current(home) or pytest.fail("nobody"))
    return lost.value.reason


def keys(home: Home) -> list[Path]:
    return sorted(home.data.glob("device-*.key"))


def test_a_key_in_a_file_is_found_again(place: Home) -> None:
    assert store.current(place) is None
    about = enrolled(place)
    assert store.current(place) == about
    assert signs(place, about)
    for path in (*keys(place), place.config / "device.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert about.id in repr(store.load(place, about))
    private = keys(place)[0].read_bytes()
    assert private.hex() not in repr(store.load(place, about)) + repr(about)
    assert about.told() == {"id": about.id, "level": "file", "certificate": base64.b64encode(about.certificate).decode()}


@pytest.mark.promise(9)
def test_a_key_in_the_keyring_opens_with_its_secret_alone(place: Home, in_desktop: Mapping[str, str]) -> None:
    about = enrolled(place, Level.KEYRING)
    assert about.where["backend"] in keyring.BACKENDS
    assert signs(place, about)
    (sealed,) = keys(place)
    secret = keyring.get(about.where["secret"])
    assert secret is not None
    # Neither the secret nor the key lies open anywhere in the home.
    plain = store._opened(sealed.read_bytes(), base64.b64decode(secret), about, sealed)
    for path in (p for top in (place.config, place.data, place.state) for p in top.rglob("*") if p.is_file()):
        data = path.read_bytes()
        for marker in (secret.encode(), base64.b64decode(secret), plain, plain[-40:], plain[36:68]):
            assert marker not in data
    # Somebody who puts another certificate beside it, or changes a byte, gets nothing out of it.
    other = About(about.id, about.level, about.certificate[:-1] + b"\0", about.where)
    key = base64.b64decode(secret)
    flips = [bytes(byte ^ (n == at) for n, byte in enumerate(sealed.read_bytes())) for at in range(0, len(sealed.read_bytes()), 7)]
    for data, whose in ((sealed.read_bytes(), other), (b"", about), (b"x" * 11, about), *((each, about) for each in flips)):
        with pytest.raises(KeyLost):
            store._opened(data, key, whose, sealed)
    keyring.forget(about.where["secret"])
    assert why(place) == "forgotten"


def test_a_key_of_the_keyring_replaced_is_forgotten_there(place: Home, in_desktop: Mapping[str, str]) -> None:
    first = enrolled(place, Level.KEYRING)
    second, _ = store.make(place, Level.FILE, first.id)
    store.announce(place, second)
    store.adopt(place, second)
    assert keyring.get(first.where["secret"]) is None
    assert [path.name for path in keys(place)] == [second.where["file"]]


@pytest.mark.usefixtures("no_desktop")
def test_no_keyring_no_key(place: Home) -> None:
    with pytest.raises(keyring.KeyringError):
        store.make(place, Level.KEYRING)
    assert keys(place) == []


@pytest.mark.usefixtures("no_desktop")
def test_a_home_of_the_desktop_opened_elsewhere(place: Home) -> None:
    about = enrolled(place)
    told = json.loads((place.config / "device.json").read_text())
    (place.config / "device.json").write_text(json.dumps({**told, "level": "keyring", "where": {**told["where"], "secret": "x", "backend": "y"}}))
    assert why(place) == "absent"
    assert store.current(place) == About(about.id, Level.KEYRING, about.certificate, {**about.where, "secret": "x", "backend": "y"})


def test_what_others_could_have_read_or_written_is_not_used(place: Home) -> None:
    about = enrolled(place)
    (key,) = keys(place)
    for mode, reason in ((0o640, "unsafe"), (0o604, "unsafe"), (0o622, "unsafe"), (0o601, "unsafe")):
        key.chmod(mode)
        assert why(place, about) == reason
    key.chmod(0o600)
    assert signs(place, about)
    for mode in (0o620, 0o602, 0o666):
        (place.config / "device.json").chmod(mode)
        with pytest.raises(KeyLost) as lost:
            store.current(place)
        assert lost.value.reason == "unsafe"
    (place.config / "device.json").chmod(0o644)  # nothing in it is secret
    assert store.current(place) == about


def test_links_pipes_and_folders_are_no_keys(place: Home, tmp_path: Path) -> None:
    about = enrolled(place)
    (key,) = keys(place)
    elsewhere = key.rename(tmp_path / "moved")
    key.symlink_to(elsewhere)
    assert why(place, about) in ("unsafe", "unreadable")
    key.unlink()
    os.mkfifo(key, 0o600)
    assert why(place, about) == "unsafe"
    key.unlink()
    key.mkdir(0o700)
    assert why(place, about) in ("unsafe", "unreadable")
    key.rmdir()
    assert why(place, about) == "missing"
    key.write_bytes(b"\0" * (2 << 20))
    key.chmod(0o600)
    assert why(place, about) == "unsafe"


def test_another_key_is_not_taken_for_it(place: Home) -> None:
    about = enrolled(place)
    (key,) = keys(place)
    second, _ = store.make(place, Level.FILE)
    key.write_bytes((place.data / second.where["file"]).read_bytes())
    assert why(place, about) == "mismatch"
    for junk in (b"", b"\0", key.read_bytes()[:-1], b"-----BEGIN PRIVATE KEY-----\n"):
        key.write_bytes(junk)
        assert why(place, about) == "damaged"


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"id": "W"}, {"id": "../../x"}, {"id": 7}, {"level": "none"}, {"certificate": "!"}, {"certificate": 1}, {"where": 1},
        {"where": None}, {"where": {}},
        {"where": {"file": "../../../etc/passwd"}}, {"where": {"file": "device-0123456789abcdef.key\n"}}, {"where": {"file": "/etc/passwd"}},
    ],
)  # fmt: skip
def test_what_is_said_of_it_names_a_file_of_ours_and_nothing_else(place: Home, change: dict[str, Any]) -> None:
    enrolled(place)
    path = place.config / "device.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(KeyLost) as lost:
        _open(place)
    assert lost.value.reason == "damaged"


def _open(home: Home) -> None:
    about = store.current(home)
    assert about is not None
    store.load(home, about)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass")])
def test_a_damaged_description_is_a_lost_key(place: Home, text: str | bytes) -> None:
    enrolled(place)
    (place.config / "device.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(KeyLost) as lost:
        store.current(place)
    assert lost.value.reason == "damaged"


def test_a_change_is_one_stroke(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a change is cut off, one of the two keys is the device's, and it is there."""
    first = enrolled(place)
    real_replace, real_write = os.replace, os.write

    class Cut(BaseException):
        pass

    for call in ("replace", "write", "fsync"):
        for nth in range(1, 4):
            done, original = 0, getattr(os, call)

            def cut(*args: Any, real: Any = original, nth: int = nth) -> Any:
                nonlocal done
                done += 1
                if done == nth:
                    raise Cut
                return real(*args)

            with monkeypatch.context() as patched:
                patched.setattr(os, call, cut)
                try:
                    second, _ = store.make(place, Level.FILE, first.id)
                    store.announce(place, second)
                    store.adopt(place, second)
                except Cut:
                    pass
            now = store.current(place)
            assert now is not None
            assert signs(place, now)
            if waiting := store.pending(place):
                assert signs(place, waiting)
                store.drop(place)
            first = now
    assert (os.replace, os.write) == (real_replace, real_write)
    assert not list(place.data.glob(".*")) + list(place.config.glob(".*"))


def test_dropped_is_gone(place: Home) -> None:
    first = enrolled(place)
    second, _ = store.make(place, Level.FILE, first.id)
    store.announce(place, second)
    assert store.pending(place) == second
    store.drop(place)
    store.drop(place)
    assert store.pending(place) is None
    assert store.current(place) == first
    assert len(keys(place)) == 1


def test_a_full_disk_leaves_the_old_key(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    first = enrolled(place)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        store.make(place, Level.FILE, first.id)
    monkeypatch.undo()
    assert store.current(place) == first
    assert signs(place, first)
    assert not list(place.data.glob(".*"))


def test_files_are_private_from_their_first_instant(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.write(tmp_path / "x", b"y")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
