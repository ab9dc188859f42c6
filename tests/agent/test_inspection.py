"""What an inspection makes of what it saw: nothing that is not shown passes, and everything that bars a seal is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.inventory.certificates import CertificateView
from agent.inventory.inspection import Finding, Inspection, SecondOpinion, Seen, SeenCertificate, SeenKey, judge
from tokens.module_file import ModuleFile
from tokens.types import Key, KeyType, ModuleRef, ModuleStatus, PinState, SignatureScheme, Token, TokenState

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
KEPT = {"local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}
REFUSED = dict.fromkeys(("read", "wrap", "copy", "make_extractable", "make_readable"), "CKR_ATTRIBUTE_SENSITIVE")


def key(number: int = 1, **more: Any) -> SeenKey:
    made = SeenKey(
        Key(bytes([number]), f"key {number}", KeyType.P256, private=True, non_extractable=True, always_authenticate=False),
        KEPT, REFUSED, "verified", "ecdsa_sha256", b"public",
    )  # fmt: skip
    return replace(made, **more)


def certificate(number: int = 1, name: str = "王芳", public: bytes | None = b"public", **more: Any) -> SeenCertificate:
    view = CertificateView(
        "ab" * 32, f"CN={name}", name, "CN=CA", "01", NOW - timedelta(days=10), NOW + timedelta(days=300), "", bytes([number]), b"",
        "p256", ca=False, may_sign=True, has_key=True,
    )  # fmt: skip
    return SeenCertificate(replace(view, **more), public)


def seen(**more: Any) -> Seen:
    token = Token(
        "vendor", 1, "slot", "签章 1", "A1B2C3D4", "Maker", "Model", TokenState.READY, PinState.OK, schemes=(SignatureScheme.ECDSA_SHA256,)
    )  # fmt: skip
    ref = ModuleRef("vendor", "/opt/vendor/libp11.so", "added", sha256="cd" * 32)
    good = Seen(
        NOW, token, ModuleStatus(ref, True, None, "Maker", "P11", "1.2", "2.40"),
        ModuleFile("/opt/vendor/libp11.so", "x86_64", 0, 0o644, False, "cd" * 32),
        software=False, logged_in=True, keys=(key(),), certificates=(certificate(),), mechanisms=((0x1041, "CKM_ECDSA"), (0x80000001, "")),
    )  # fmt: skip
    return replace(good, **more)


def one(inspection: Inspection, name: str) -> Finding:
    (found,) = [each for each in inspection.findings if each.name == name]
    return found


def names(findings: tuple[Finding, ...]) -> set[str]:
    return {each.name for each in findings}


def test_a_good_token_passes_and_may_carry_a_seal() -> None:
    made = judge(seen())
    assert made.verdict == "passed"
    assert made.reasons == made.obstacles == ()
    assert {each.state for each in made.findings} == {"ok"}
    looked = {"presence", "pin", "module", "mechanisms", "key_protection", "key_origin", "key_export", "key_signature", "certificate_validity"}
    assert names(made.findings) == looked


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("wrong", "name", "verdict"),
    [
        ({"attributes": {**KEPT, "extractable": True}}, "key_protection", "failed"),
        ({"attributes": {**KEPT, "sensitive": False}}, "key_protection", "failed"),
        ({"attributes": {**KEPT, "sensitive": None}}, "key_protection", "indeterminate"),
        ({"attributes": {**KEPT, "local": False}}, "key_origin", "indeterminate"),
        ({"attributes": {**KEPT, "local": None}}, "key_origin", "indeterminate"),
        ({"attributes": {**KEPT, "never_extractable": False}}, "key_origin", "indeterminate"),
        ({"attributes": {**KEPT, "always_sensitive": None}}, "key_origin", "indeterminate"),
        *(({"attempts": {**REFUSED, way: "succeeded"}}, "key_export", "failed") for way in REFUSED),
        ({"attempts": {}}, "key_export", "indeterminate"),
        ({"attempts": {**REFUSED, "read": "CKR_DEVICE_ERROR"}}, "key_export", "indeterminate"),
        ({"signature": "wrong_signature"}, "key_signature", "failed"),
        ({"signature": "mechanism_unsupported"}, "key_signature", "indeterminate"),
        ({"signature": "not_tried"}, "key_signature", "indeterminate"),
        ({"public_key": b"another"}, "certificate_key", "failed"),
    ],
)
def test_what_is_not_shown_does_not_pass_and_bars_a_seal(wrong: dict[str, Any], name: str, verdict: str) -> None:
    made = judge(seen(keys=(key(**wrong),)))
    assert made.verdict == verdict
    assert names(made.reasons) == {name}
    assert name in names(made.obstacles)
    finding = one(made, name)
    assert finding.state == ("fail" if verdict == "failed" else "warn")
    assert finding.hint
    entry = finding.entry()
    assert entry["message"]["zh"] != entry["message"]["en"]


@pytest.mark.promise(1)
def test_one_bad_key_among_good_ones_decides() -> None:
    made = judge(seen(keys=(key(1), key(2, attributes={**KEPT, "extractable": True}), key(3, attributes={**KEPT, "local": False}))))
    assert made.verdict == "failed"
    assert [each.key for each in made.reasons] == ["key 2"]
    assert {each.key for each in made.obstacles} == {"key 2", "key 3"}


def test_not_offered_is_no_leak() -> None:
    assert judge(seen(keys=(key(attempts={**REFUSED, "wrap": "not_offered"}),))).verdict == "passed"


def test_a_second_opinion_is_told() -> None:
    agrees = judge(seen(second=SecondOpinion(frozenset({0x1041, 0x80000001}), ("SM2 签名",))))
    assert (one(agrees, "second_opinion").state, agrees.verdict) == ("ok", "passed")
    assert "SM2 签名" in one(agrees, "second_opinion").text[0]
    differs = judge(seen(second=SecondOpinion(frozenset({0x1041}))))
    assert (one(differs, "second_opinion").state, differs.verdict) == ("warn", "passed")


def test_a_key_of_an_algorithm_that_we_do_not_use_hinders_no_other() -> None:
    """UKeys issued in China bear an SM2 key beside the RSA one."""
    sm2 = key(2, signature="mechanism_unsupported", scheme="")
    other = replace(sm2, key=replace(sm2.key, type=KeyType.OTHER))
    made = judge(seen(keys=(key(1), other)))
    assert (made.verdict, made.obstacles) == ("passed", ())
    assert {(each.key, each.state) for each in made.findings if each.name == "key_signature"} == {("key 1", "ok"), ("key 2", "warn")}


@pytest.mark.promise(1)
def test_flags_that_change_without_effect_are_no_refusal() -> None:
    made = judge(seen(keys=(key(attempts={**REFUSED, "make_extractable": "without_effect"}),)))
    assert (made.verdict, one(made, "key_export").state) == ("indeterminate", "warn")
    assert made.obstacles
    assert not made.key_may_carry_seal("01")


def test_which_of_several_keys_may_carry_a_seal() -> None:
    made = judge(seen(keys=(key(1), key(2, attributes={**KEPT, "local": False})), certificates=(certificate(1), certificate(2, "旧"))))
    assert made.key_may_carry_seal("01")
    assert not made.key_may_carry_seal("02")
    assert not judge(seen(software=True)).key_may_carry_seal("01")


def test_the_encryption_key_of_a_dual_token_is_the_key_centres() -> None:
    """It was imported by rule, signs nothing, and hinders nothing."""
    imported = key(2, attributes={**KEPT, "local": False, "never_extractable": False}, signature="not_tried")
    both = (certificate(1), certificate(2, "王芳（加密）", may_sign=False))
    made = judge(seen(keys=(key(1), imported), certificates=both))
    assert made.verdict == "passed"
    assert made.obstacles == ()
    alone = judge(seen(keys=(imported,), certificates=both[1:]))
    assert alone.verdict == "indeterminate"
    assert names(alone.reasons) == {"keys"}


def test_a_software_token_passes_but_carries_no_seal() -> None:
    made = judge(seen(software=True))
    assert (made.verdict, names(made.obstacles)) == ("passed", {"software"})


def test_a_module_that_others_can_replace() -> None:
    loose = replace(seen().file, writable_by_others=True)  # type: ignore[type-var]
    made = judge(seen(file=loose))
    assert (made.verdict, names(made.obstacles)) == ("passed", {"module"})
    assert judge(seen(file=None)).verdict == "indeterminate"


@pytest.mark.parametrize(
    ("state", "verdict"), [(PinState.LOW, "passed"), (PinState.FINAL_TRY, "passed"), (PinState.LOCKED, "failed"), (PinState.UNKNOWN, "passed")]
)
def test_pin_states(state: PinState, verdict: str) -> None:
    now = replace(seen().token, pin_state=state)
    made = judge(seen(token=now) if state is not PinState.LOCKED else seen(token=now, logged_in=False, keys=(), failure="pin_locked"))
    assert made.verdict == verdict
    assert one(made, "pin").state == ("ok" if state is PinState.UNKNOWN else "fail" if verdict == "failed" else "warn")


def test_a_first_pin_and_a_locked_so_pin_are_told() -> None:
    made = judge(seen(token=replace(seen().token, pin_to_be_changed=True, so_pin_state=PinState.LOCKED)))
    assert (one(made, "pin_to_be_changed").state, one(made, "so_pin").state, made.verdict) == ("warn", "warn", "passed")


def test_without_a_login_nothing_is_shown() -> None:
    made = judge(seen(logged_in=False, keys=(), failure="pin_cancelled"))
    assert (made.verdict, names(made.reasons)) == ("indeterminate", {"login"})


def test_no_key_at_all() -> None:
    assert judge(seen(keys=(), certificates=())).verdict == "indeterminate"


@pytest.mark.parametrize(
    ("certificates", "verdict", "states"),
    [
        ((), "passed", {"warn"}),
        ((certificate(not_after=NOW - timedelta(days=1)),), "failed", {"fail"}),
        ((certificate(not_before=NOW + timedelta(days=1)),), "failed", {"fail"}),
        ((certificate(not_after=NOW - timedelta(days=1)), certificate()), "passed", {"warn", "ok"}),
        ((certificate(not_after=NOW + timedelta(days=5)),), "passed", {"warn"}),
        ((certificate(public=b"another"),), "failed", {"fail"}),
        ((certificate(public=None),), "passed", {"ok"}),
        ((certificate(), certificate(9, "别人")), "passed", {"ok", "warn"}),
        ((certificate(), certificate(9, "根", ca=True)), "passed", {"ok"}),
    ],
)
def test_certificates(certificates: tuple[SeenCertificate, ...], verdict: str, states: set[str]) -> None:
    made = judge(seen(certificates=certificates))
    assert made.verdict == verdict
    assert {each.state for each in made.findings if each.name.startswith("certificate")} == states
