"""Small files that commands write, on file systems that can do less."""

import errno
import os
from pathlib import Path

import pytest

from agent.api.errors import ApiError, Code
from agent.cli import files


@pytest.mark.parametrize("force", [True, False])
def test_a_file_system_without_links_or_modes_takes_it_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "not on FAT")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(os, "fchmod", refused)
    target = tmp_path / "li.csr"
    files.publish(str(target), b"one", force)
    assert target.read_bytes() == b"one"
    if force:
        files.publish(str(target), b"two", force)
        assert target.read_bytes() == b"two"
    else:
        with pytest.raises(ApiError) as caught:
            files.publish(str(target), b"two", force)
        assert caught.value.code is Code.OUTPUT_EXISTS
        assert target.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["li.csr"]
