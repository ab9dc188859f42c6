"""Which output belongs to which input."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import ApiError, Code
from agent.signing.names import kind_of, output_name, outputs

FILE_NAMES = st.binary(min_size=1, max_size=60).filter(lambda raw: b"/" not in raw and b"\0" not in raw and raw not in (b".", b"..")).map(os.fsdecode)


@given(FILE_NAMES)
def test_outputs_stand_beside_their_inputs_under_another_name(name: str) -> None:
    for kind, ending in (("pades", ".signed.pdf"), ("cades", ".p7s")):
        (made,) = outputs([f"/a/{name}"], kind)  # type: ignore[arg-type]
        assert os.path.dirname(made.output) == "/a"
        assert made.output != made.input
        assert made.output.endswith(ending)
        assert os.fsencode(made.output).startswith(b"/a/" + os.fsencode(name)[:-4])


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("图 1.pdf", "pades", "图 1.signed.pdf"), ("A.PDF", "pades", "A.signed.pdf"),
        (".pdf", "pades", ".pdf.signed.pdf"), ("scan", "pades", "scan.signed.pdf"),
        ("a.dwg", "cades", "a.dwg.p7s"), ("a.pdf", "cades", "a.pdf.p7s"), ("a\nb.pdf", "pades", "a\nb.signed.pdf"),
    ],
)  # fmt: skip
def test_default_names(name: str, kind: str, expected: str) -> None:
    assert output_name(name, kind) == expected  # type: ignore[arg-type]


def test_out_and_out_dir() -> None:
    assert outputs(["/a/b.pdf"], None, out="/c/d.pdf")[0].output == "/c/d.pdf"
    assert [each.output for each in outputs(["/a/b.pdf", "/a/c.pdf"], None, out_dir="/o")] == ["/o/b.signed.pdf", "/o/c.signed.pdf"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((["/a/b.pdf", "/a/c.pdf"], None, "/o.pdf"), Code.USAGE),
        ((["/a/b.pdf"], None, "/o.pdf", "/o"), Code.USAGE),
        ((["/a/b.pdf", "/a/./b.pdf"],), Code.USAGE),
        ((["/a/b.pdf", "/c/b.pdf"], None, None, "/o"), Code.OUTPUT_EXISTS),
        (([],), Code.NOTHING_TO_DO),
    ],
)
def test_sets_that_cannot_be(arguments: tuple, code: Code) -> None:  # type: ignore[type-arg]
    with pytest.raises(ApiError) as caught:
        outputs(*arguments)
    assert caught.value.code is code


def test_the_kind_goes_by_name_and_by_the_first_bytes(tmp_path: Path) -> None:
    for name, content, kind in (
        ("a.pdf", b"no pdf at all", "pades"), ("b.dwg", b"AC1027", "cades"), ("c", b"%PDF-1.7", "pades"), ("d", b"x" * 1000 + b"%PDF-", "pades"),
        ("e", b"x" * 2000 + b"%PDF-", "cades"), ("f", b"", "cades"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        assert kind_of(str(tmp_path / name)) == kind
    os.mkfifo(tmp_path / "pipe")
    assert kind_of(str(tmp_path / "pipe")) == kind_of(str(tmp_path)) == kind_of(str(tmp_path / "absent")) == "cades"
