"""What comes over the wire is shown and not obeyed: odd names, missing keys, unknown words."""

from hypothesis import given
from hypothesis import strategies as st

from desktop.nouns import SignedDocument, Token, path_of, shown_name
from desktop.verified import Signature, VerifiedDocument


@given(st.text(alphabet=st.characters(), max_size=60))
def test_a_name_never_acts(name: str) -> None:
    assert shown_name(f"/folder/{name.replace('/', '')}").isprintable()


def test_undecodable_newlines_and_direction_marks_become_visible() -> None:
    assert shown_name("/a/b\udcff\n\u202egpj.pdf") == "b\\xff��gpj.pdf"


def test_paths_come_as_uris_or_plain() -> None:
    assert path_of("file:///a/%E5%9B%BE%FF.pdf") == "/a/图\udcff.pdf"
    assert path_of("/a/b") == "/a/b"
    assert path_of(None) == ""


def test_empty_objects_are_harmless() -> None:
    assert Token.from_wire({}).signing_certificates == ()
    assert SignedDocument.from_wire({}).error is None
    assert VerifiedDocument.from_wire({}, "zh").verdict == "indeterminate"
    assert Signature.from_wire({"rect_mm": [1, 2]}, "zh").rect_mm is None


def test_a_ca_certificate_signs_no_document() -> None:
    token = Token.from_wire({"certificates": [{"usable": True, "ca": True}, {"usable": True, "common_name": "王芳"}, {"usable": False}]})
    assert [c.name for c in token.signing_certificates] == ["王芳"]


def test_objects_are_spoken_in_the_language_of_the_window() -> None:
    wire = {"signer": {"common_name": "王芳"}, "changes_after_signing": [{"zh": "加了一页", "en": "a page was added"}, "plain"]}
    assert [change.text for change in Signature.from_wire(wire, "en").changes] == ["a page was added", "plain"]
    assert Signature.from_wire(wire, "zh").signer == "王芳"
