"""A module that crashes, aborts or hangs in any call: who waits for it is told which module and what happened, and everybody else is answered."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Client, Told
from agent.api.uris import to_uri
from tests.conftest import PIN, PracticeToken, Yinxin, copy_home, short_folder, stop
from tests.e2e.conftest import Faulty
from tests.e2e.looks import assert_signed, children, tree, until

pytestmark = pytest.mark.promise(8)
AT_ONCE = ("C_Initialize", "C_GetInfo", "C_GetSlotList", "C_OpenSession")
"""Calls before anybody is asked for a PIN; the fault is there from the start."""
AFTER_THE_PIN = (
    "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_Login", "C_FindObjectsInit", "C_GetAttributeValue", "C_SignInit", "C_Sign",
    "C_GenerateKeyPair",
)  # fmt: skip
IDENTITY = ("label Vendor", "serial 77aa0001")


@dataclass(eq=False)
class Person:
    """Answers a job's questions; `before_pin` happens when the PIN is asked for."""

    before_pin: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)

    def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        self.asked.append(question["kind"])
        if question["kind"] != "pin":
            return "yes"
        self.before_pin()
        return {"pin": PIN}

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Nothing is of interest."""


class Others:
    """Somebody else, who goes on asking the agent while a request of the faulty module is under way."""

    def __init__(self, client: Client, label: str) -> None:
        self._client, self._label = client, label
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers, self.longest = 0, 0.0
        self.failure: BaseException | None = None

    def __enter__(self) -> "Others":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _ask(self) -> None:
        try:
            while not self._over.is_set():
                for path in ("/v1/status", "/v1/tokens"):
                    began = time.monotonic()
                    said = self._client.get(path)
                    self.longest = max(self.longest, time.monotonic() - began)
                    assert path != "/v1/tokens" or self._label in [token["label"] for token in said["tokens"]]
                self.answers += 1
        except BaseException as error:
            self.failure = error


@dataclass(frozen=True, slots=True)
class Pair:
    """A home with a good token and a vendor's one behind the shim."""

    faulty: Faulty
    client: Client
    good: PracticeToken

    def settle(self) -> None:
        """No fault, and the vendor's token seen again."""
        self.faulty.say(*IDENTITY)
        until(self._seen)

    def _seen(self) -> bool:
        self.client.get("/v1/modules")  # whoever looks at the modules has each tried anew: after a fault they are left alone for a while
        return "Vendor" in [token["label"] for token in self.client.get("/v1/tokens")["tokens"]]


@pytest.fixture(scope="module")
def pair(practice_home: tuple[Path, PracticeToken], shim_library: Path, softhsm: str) -> Iterator[Pair]:
    folder = short_folder()
    template, token = practice_home
    copy_home(template, folder / "h")
    shutil.copytree(template / "tokens", folder / "tokens")
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    (folder / "h" / "config" / "settings.toml").write_text(
        "[deadlines]\n" + "".join(f"{name} = 1.5\n" for name in ("load", "list", "login", "sign", "generate", "write"))
    )
    environment = {
        "SHIM_NAME": "A Vendor", "SHIM_TARGET": softhsm, "SHIM_CONTROL": str(folder / "control"), "SHIM_LOG": str(folder / "log"),
        "SOFTHSM2_CONF": str(folder / "softhsm2.conf"),
    }  # fmt: skip
    yinxin = Yinxin(folder / "h", environment={})
    try:
        (folder / "control").write_text("\n".join(IDENTITY) + "\n")
        names = [word for name in environment for word in ("--env", name)]
        yinxin("module", "add", shutil.copy(shim_library, folder / "vendor.so"), "--name", "vendor", *names, "--yes", env=environment)
        yield Pair(Faulty(yinxin, token, folder / "control", folder / "log"), Client.of(str(folder / "h")), token)
    finally:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("call", [*AT_ONCE, *AFTER_THE_PIN])
@pytest.mark.parametrize("fault", ["crash", "abort", "hang"])
def test_others_are_answered_and_the_module_is_named(pair: Pair, drawing: Path, call: str, fault: str) -> None:
    pair.settle()
    pair.faulty.log.unlink(missing_ok=True)
    before = tree(drawing.parent)
    break_it = lambda: pair.faulty.say(*IDENTITY, f"{fault} {call}")  # noqa: E731
    person = Person()
    if call in AT_ONCE:
        break_it()
    else:
        person.before_pin = break_it
    body: dict[str, Any] = {"inputs": [to_uri(drawing)]}
    if call == "C_GenerateKeyPair":
        body = {"type": "p256", "label": "x"}
    path = "/v1/keys/generate" if call == "C_GenerateKeyPair" else "/v1/signatures"
    with Others(pair.client, pair.good.label) as others, pytest.raises(Told) as caught:
        pair.client.job(path, {**body, "token": "Vendor"}, person)
    error = caught.value
    print(f"{fault} {call}: {error.code} {error.facts}, others answered {others.answers} times, at the longest after {others.longest:.3f} s")
    assert error.code == ("module_timeout" if fault == "hang" else "module_unusable")
    assert error.facts["module"] == "vendor"
    assert "vendor" in error.message
    # Whoever looks at the token's flags right before C_Login, or at its keys right after, is inside of a login: a try may be spent.
    assert error.facts["try_spent"] is (error.facts["during"] == "login")
    assert call != "C_Login" or error.facts["during"] == "login"
    assert pair.faulty.calls("C_Login") <= 1
    assert others.answers
    assert tree(drawing.parent) == before
    until(lambda: not [line for line in children(pair.faulty.yinxin.home).values() if " session " in line])


def test_afterwards_both_sign(pair: Pair, drawing: Path) -> None:
    pair.settle()
    for label in ("Vendor", pair.good.label):
        out = drawing.parent / f"{label}.pdf"
        pair.client.job("/v1/signatures", {"inputs": [to_uri(drawing)], "out": to_uri(out), "token": label}, Person())
        assert_signed(out)
