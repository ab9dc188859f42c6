"""File URIs and server-sent events: any bytes there and back."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api import sse
from agent.api.uris import to_path, to_uri

names = st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\0", b"x").replace(b"/", b"_"))


@given(st.lists(names.filter(lambda n: n not in (b".", b"..")), min_size=1, max_size=5))
def test_a_path_of_any_bytes_survives(parts: list[bytes]) -> None:
    path = b"/" + b"/".join(parts)
    uri = to_uri(path)
    assert uri.isascii()
    assert uri.startswith("file:///")
    assert os.fsencode(to_path(uri)) == path


def test_relative_paths_start_at_the_working_folder(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert to_path(to_uri("图.pdf")) == f"{tmp_path}/图.pdf"
    assert to_path(to_uri("./a.pdf")) == f"{tmp_path}/a.pdf"
    assert to_path(to_uri("link/../a.pdf")) == f"{tmp_path}/link/../a.pdf"


@pytest.mark.parametrize("uri", ["/a", "http://a/b", "file:/a", "file://host/a", "file://", "file:///a%00b"])
def test_what_is_no_local_path_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"file URI|NUL"):
        to_path(uri)


events = st.lists(
    st.tuples(st.sampled_from(["job", "progress", "done"]), st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3)), max_size=6
)


@given(events, st.data(), st.booleans(), st.sampled_from([b"\n", b"\r\n"]))
def test_events_survive_any_cut(sent: list[tuple[str, dict[str, str]]], data: st.DataObject, alive: bool, end: bytes) -> None:
    raw = b""
    for name, document in sent:
        raw += b": alive" + end + end if alive else b""
        raw += b"event: " + name.encode() + end + b"data: " + json.dumps(document).encode() + end + end
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert [(event.name, event.data) for event in sse.events(chunks)] == sent


def test_an_unfinished_event_is_dropped_and_a_foreign_one_refused() -> None:
    assert list(sse.events([b"event: done\ndata: {}\n"])) == []
    assert list(sse.events([b'data: {"a":\ndata: 1}\n\n'])) == [sse.Event("message", {"a": 1})]
    with pytest.raises(ValueError, match="no object"):
        list(sse.events([b"data: 3\n\n"]))


def test_an_endless_line_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    with pytest.raises(ValueError, match="line too long"):
        list(sse.events(b"x" * 100 for _ in range(1000)))
    with pytest.raises(ValueError, match="event too large"):
        list(sse.events(b"data: 12345678\n" for _ in range(1000)))
