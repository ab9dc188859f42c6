"""The log strikes out secrets before anything is written (promise 2, S46)."""

from agent.server.logs import STRUCK, redact


def test_secrets_are_struck_out_at_any_depth() -> None:
    event = {"event": "x", "pin": "1234", "args": {"so_pin": "s", "list": [{"Passwort": 1, "nonce": "n"}]}, "pin_state": "low", "data": b"12345"}
    assert redact(None, "", event) == {
        "event": "x",
        "pin": STRUCK,
        "args": {"so_pin": STRUCK, "list": [{"Passwort": STRUCK, "nonce": STRUCK}]},
        "pin_state": "low",
        "data": "<5 bytes>",
    }
