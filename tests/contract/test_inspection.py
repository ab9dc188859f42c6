"""The real agent inspects every token: what each can show of its keys, and what it may therefore carry."""

import pytest

from tests.conftest import Yinxin
from tests.contract.conftest import of
from tests.contract.kinds import Bench, Capability, Kind
from tests.contract.test_pades import add


@of(Capability.PROTECTED)
@pytest.mark.promise(1)
def test_the_verdict_follows_from_what_the_token_shows(kind: Kind, bench: Bench, yinxin: Yinxin) -> None:
    add(yinxin, bench)
    done = yinxin("token", "inspect", bench.label, "--pin", "env:YX_PIN", code=None).json
    assert "error" not in done, done
    states = {(each["name"], each["key"]): each["state"] for each in done["findings"]}
    assert len(done["keys"]) >= len(bench.keys)
    for key in done["keys"]:
        assert key["test_signature"] == "verified", key
        assert "succeeded" not in key["export_attempts"].values(), key
        born = all(key["attributes"][name] is True for name in ("local", "never_extractable", "always_sensitive"))
        kept = key["attributes"]["sensitive"] is True and key["attributes"]["extractable"] is False
        assert key["may_carry_seal"] <= (born and kept)
    proved = all(state == "ok" for (name, _), state in states.items() if name in ("key_protection", "key_origin", "key_export"))
    assert done["verdict"] == ("passed" if proved else "indeterminate"), states
