"""Finding modules: p11-kit's files as p11-kit reads them, makers' paths, added ones, each real file once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens import discovery, emulated
from tokens.types import ModuleRef
from tokens.vendors import VENDORS, Vendor


def _module(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"\x7fELF")
    return path


def _find(folders: list[Path], places: list[Path], added: tuple[ModuleRef, ...] = (), ours: ModuleRef | None = None) -> dict[str, ModuleRef]:
    found = discovery.discover(ours, added, folders=folders, places=[str(place) for place in places], vendors=())
    return {ref.name: ref for ref in found}


@given(st.text())
def test_any_text_parses(text: str) -> None:
    values = discovery.parse(text)
    assert all(name == name.strip() and name for name in values)
    discovery.enabled(values)


@given(st.binary(max_size=300))
def test_any_file_is_survived(data: bytes) -> None:
    discovery.parse(data.decode("utf-8", errors="surrogateescape"))


def test_relative_and_absolute_names(tmp_path: Path) -> None:
    place = tmp_path / "lib"
    _module(place, "a.so")
    absolute = _module(tmp_path / "opt", "b.so")
    config = tmp_path / "modules"
    config.mkdir()
    (config / "a.module").write_text("# comment\nmodule: a.so\n")
    (config / "b.module").write_text(f"module:{absolute}\nx-init-reserved: configdir=/x\n")
    (config / "gone.module").write_text("module: gone.so\n")
    (config / "empty.module").write_text("")
    (config / "note.txt").write_text("module: a.so\n")
    found = _find([config, tmp_path / "absent"], [place])
    assert set(found) == {"a", "b"}
    assert found["a"].path == str(place / "a.so")
    assert found["a"].origin == "p11-kit"
    assert found["b"].init_args == "configdir=/x"


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("enable-in: yinxin", True),
        ("enable-in: ssh, yinxin", True),
        ("enable-in: ssh", False),
        ("disable-in: yinxin", False),
        ("disable-in: ssh", True),
    ],
)
def test_enable_and_disable(tmp_path: Path, line: str, there: bool) -> None:
    module = _module(tmp_path / "lib", "a.so")
    (tmp_path / "a.module").write_text(f"module: {module}\n{line}\n")
    assert ("a" in _find([tmp_path], [])) is there


def test_the_stronger_folder_is_laid_over_the_weaker(tmp_path: Path) -> None:
    first, second = _module(tmp_path / "lib", "a.so"), _module(tmp_path / "lib", "b.so")
    for folder, text in (("weak", f"module: {first}\ndisable-in: yinxin"), ("strong", f"module: {second}\ndisable-in: nobody")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.module").write_text(text)
    assert _find([tmp_path / "weak", tmp_path / "strong"], [])["m"].path == str(second)


def test_certificate_stores_and_the_proxy_are_no_tokens(tmp_path: Path) -> None:
    for name in ("p11-kit-trust.so", "p11-kit-proxy.so", "a.so"):
        module = _module(tmp_path / "lib", name)
        (tmp_path / f"{module.stem}.module").write_text(f"module: {module}\n")
    assert set(_find([tmp_path], [])) == {"a"}


def test_each_real_file_once_and_ours_before_p11_kits(tmp_path: Path) -> None:
    module = _module(tmp_path / "lib", "libsofthsm2.so")
    link = tmp_path / "link.so"
    link.symlink_to(module)
    (tmp_path / "softhsm2.module").write_text(f"module: {link}\n")
    ours = emulated.prepare(tmp_path / "softhsm2.conf", tmp_path / "tokens", places=[str(module)])
    assert ours is not None
    assert _find([tmp_path], [], ours=ours) == {"emulated": ours}
    assert _find([tmp_path], [])["softhsm2"].path == str(link)


def test_added_modules_stay_listed_and_may_be_a_library_with_other_settings(tmp_path: Path) -> None:
    module = _module(tmp_path / "lib", "n.so")
    one, two = ModuleRef("n", str(module), "added", init_args="a"), ModuleRef("n", str(module), "added", init_args="b")
    gone = ModuleRef("gone", "/nonexistent.so", "added")
    assert [ref.name for ref in discovery.discover(None, (one, two, one, gone), folders=[], vendors=())] == ["n", "n-2", "gone"]


def test_one_library_under_several_names_is_listed_once(tmp_path: Path) -> None:
    """A link, a second name and a copy: packages put OpenSC's module into two folders."""
    module = _module(tmp_path / "lib", "card.so")
    (tmp_path / "soft.so").symlink_to(module)
    (tmp_path / "hard.so").hardlink_to(module)
    copy, other = _module(tmp_path / "pkcs11", "card.so"), _module(tmp_path / "vendor", "card.so")
    other.write_bytes(b"\x7fFLE")  # as long, and not the same
    places = {"card": module, "soft": tmp_path / "soft.so", "hard": tmp_path / "hard.so", "copy": copy, "other": other}
    for name, path in places.items():
        (tmp_path / f"{name}.module").write_text(f"module: {path}\n")
    assert set(_find([tmp_path], [])) == {"card", "other"}
    assert set(_find([tmp_path], [], (ModuleRef("mine", str(module), "added"),))) == {"mine", "other"}


def test_makers_table_finds_the_first_existing_file(tmp_path: Path) -> None:
    _module(tmp_path / "lib64", "libcastle.so.1.0.0")
    vendor = Vendor("x", "x", "x", ("{lib}/libcastle.so", "{lib}/libcastle.so.1.0.0"))
    found = list(discovery.known((vendor,), [str(tmp_path / "lib"), str(tmp_path / "lib64")]))
    assert [ref.path for ref in found] == [str(tmp_path / "lib64" / "libcastle.so.1.0.0")]


def test_makers_table_is_well_formed() -> None:
    assert len({vendor.name for vendor in VENDORS}) == len(VENDORS)
    assert all(vendor.paths and vendor.zh and vendor.en for vendor in VENDORS)
    assert all(path.startswith(("/", "{lib}/")) for vendor in VENDORS for path in vendor.paths)


def test_emulated_is_none_without_softhsm_and_written_once_with_it(tmp_path: Path) -> None:
    conf, tokens = tmp_path / "c" / "softhsm2.conf", tmp_path / "tokens"
    assert emulated.prepare(conf, tokens, places=["/nonexistent.so"]) is None
    module = _module(tmp_path, "libsofthsm2.so")
    ref = emulated.prepare(conf, tokens, places=[str(module)])
    first = conf.stat()
    assert emulated.prepare(conf, tokens, places=[str(module)]) == ref
    assert conf.stat().st_ino == first.st_ino
    assert conf.stat().st_mode & 0o777 == 0o600
    assert tokens.stat().st_mode & 0o777 == 0o700
