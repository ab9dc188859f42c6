"""A person's act from the wish to the ledger: decided, shown, signed by the person's own token, and entered."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.api.errors import ApiError, Code
from agent.device.scribe import here
from agent.device.service import Device
from agent.governance.deciding import Command, Draft, decide
from agent.governance.refusal import Refusal
from agent.governance.state import Person, State
from agent.inventory.certificates import CertificateView, views
from agent.inventory.service import Inventory
from agent.ledger import signed, statement
from agent.ledger.log import Ledger, Receipt
from agent.ledger.statement import Statement, StatementError
from agent.organisation.fold import Governed
from agent.organisation.words import told
from agent.server.jobs import Job
from tokens.public import UNREADABLE
from tokens.types import SignatureScheme, Token

_APART = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Means:
    """The person who acts, by the registered certificate on a token."""

    person: str
    token: Token
    certificate: CertificateView
    scheme: SignatureScheme


Wish = Callable[[State, str], Sequence[Command]]
"""What a person (by id) wants, with the state in view."""


class Acting:
    """Whoever acts in the organisation of this home."""

    def __init__(self, inventory: Inventory, ledger: Ledger, device: Device, away: Callable[[], ApiError | None] = lambda: None) -> None:
        self._inventory, self._ledger, self._device, self._away = inventory, ledger, device, away

    async def state(self) -> State:
        """What follows from the ledger now, others' entries included; raises `ApiError` (not_allowed, reason no_organisation)."""
        if trouble := self._away() or self._ledger.trouble:
            raise trouble
        if not isinstance(self._ledger.fold, Governed):
            raise ApiError(Code.NOT_ALLOWED, reason="no_organisation", rule="S04")
        await self._ledger.read_on()
        fold = self._ledger.fold
        assert isinstance(fold, Governed)
        return fold.state

    async def act(self, job: Job, selector: str | None, wish: Wish) -> dict[str, Any]:
        """Decide, ask for consent and PIN, sign and enter; all of what is wished for, or none.

        Raises `ApiError`: not_registered (the token is nobody's here), not_allowed (a rule refuses), those of the token, store_unreachable.
        """
        state = await self.state()
        means = await self._means(state, selector)
        device = (await self._device.key(job)).id
        at = datetime.now(UTC)
        drafts = [draft for command in wish(state, means.person) for draft in decided(state, _by(command, means.person, device), at)]
        statements = [
            made(draft, state.org, at + n * _APART) for n, draft in enumerate(drafts)
        ]  # the times differ: each is later than the one before
        entered = await self.sign(job, means, statements, state)
        return {
            "person": means.person,
            "statements": [
                {"id": each.id, "type": each.type, "entry": receipt.seq, "in_effect": draft.needs == 1, "needs": draft.needs}
                for each, draft, receipt in zip(statements, drafts, entered, strict=True)
            ],
        }

    async def sign(self, job: Job, means: Means, statements: Sequence[Statement], state: State) -> Sequence[Receipt]:
        """Sign statements with the person's token and enter them, all or none."""
        pairs = await sign(job, self._inventory, means.token, means.certificate, means.scheme, statements, state)
        return await self._ledger.enter_all(pairs)

    async def _means(self, state: State, selector: str | None) -> Means:
        """Whose registered certificate is on the token: no other token is ever given a PIN here."""
        token = await self._inventory.pick(selector)
        registered = [view for view in views(token) if (known := state.certificates.get(view.fingerprint)) and known.state == "active"]
        people = {state.certificates[view.fingerprint].person for view in registered}
        if not registered:
            raise ApiError(Code.NOT_REGISTERED, token=token.label, organisation=state.name)
        if len(people) > 1:
            raise ApiError(Code.NOT_REGISTERED, reason="of_several", token=token.label, people=[state.people[p].name for p in sorted(people)])
        now = datetime.now(UTC)
        view = next((each for each in registered if each.problem(now) is None), registered[0])
        return Means(people.pop(), token, view, scheme_of(token, view))


def scheme_of(token: Token, view: CertificateView) -> SignatureScheme:
    """How the token signs with a certificate's key; raises `ApiError` (mechanism_unsupported)."""
    scheme = next(iter(token.schemes_for(view.key_type)), None)
    if scheme is None:
        raise ApiError(Code.MECHANISM_UNSUPPORTED, token=token.label, key_type=view.key_type)
    return scheme


def _by(command: Command, person: str, device: str) -> Command:
    return Command(command.type, person, device, command.body)


def wanted(type: str, **body: Any) -> Command:
    """A command whose person and device are filled in when it is decided."""
    return Command(type, None, "", body)


def decided(state: State, command: Command, at: datetime) -> tuple[Draft, ...]:
    """The drafts; raises `ApiError` (not_allowed) with rule, reason, facts and what would make it allowed."""
    found = decide(state, command, at)
    if isinstance(found, Refusal):
        raise refused(found, state, command)
    return found


def refused(refusal: Refusal, state: State, command: Command) -> ApiError:
    """A refusal as people and scripts get it."""
    facts = dict(refusal.told())
    facts.setdefault("actor", _name(state.person(command.actor)))
    facts["attempt"] = command.type
    return ApiError(Code.NOT_ALLOWED, **{name: value for name, value in facts.items() if value != ""})


def _name(person: Person | None) -> str:
    return "" if person is None else f"{person.name} ({person.id})"


def made(draft: Draft, org: str | None, at: datetime) -> Statement:
    """The statement of a draft, said now, here."""
    return statement.make(draft.type, draft.body, org=org, device=draft.device, actor=draft.actor, rules=draft.rules, place=here(), at=at)


async def sign(
    job: Job, inventory: Inventory, token: Token, view: CertificateView, scheme: SignatureScheme, statements: Sequence[Statement], state: State
) -> list[tuple[bytes, bytes]]:
    """Bytes and CMS of each statement, signed under one PIN; what is shown before it is typed is what is signed."""
    try:
        raws = [each.canonical() for each in statements]
    except StatementError as error:
        raise ApiError(Code.USAGE, reason="statement", where=error.where or error.reason) from error
    listed = [
        {"name": told(each, state, job.lang), "sha256": hashlib.sha256(raw).hexdigest(), "pages": None}
        for each, raw in zip(statements, raws, strict=True)
    ]
    public = x509.load_der_x509_certificate(view.der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pairs = []
    each_time = inventory.settings.pin_scope == "signature"
    async with inventory.session(token, job) as session:
        await inventory.unlock(job, session, token, "statement", listed[:1] if each_time else listed, view.cka_id)
        if not each_time:
            await inventory.prove(session, token, view.cka_id, scheme, public)
        for n, raw in enumerate(raws):
            if each_time and n:
                await inventory.again(job, session, token, "statement", [listed[n]], view.cka_id)
            prepared = await asyncio.to_thread(signed.prepare, raw, view.der, scheme)
            value = await session.sign(view.cka_id, scheme, prepared.to_sign, public)
            pairs.append((raw, await asyncio.to_thread(prepared.finish, value)))
    return pairs


def bound_on(token: Token, view: CertificateView) -> dict[str, Any]:
    """A certificate on a token, as a statement binds it to a person."""
    shown: Mapping[str, Any] = {"serial": _text(token.serial, 64), "label": _text(token.label, 128), "emulated": token.emulated}
    return {"certificate": base64.b64encode(view.der).decode(), "token": dict(shown)}


def bound_pem(pem: str) -> dict[str, Any]:
    """A certificate from PEM text, as a statement binds it to a person; raises `ApiError` (usage, reason certificate)."""
    try:
        der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except UNREADABLE as error:
        raise ApiError(Code.USAGE, reason="certificate") from error
    return {"certificate": base64.b64encode(der).decode(), "token": None}


async def certificate_of(inventory: Inventory, holder: str | None, pem: str | None) -> dict[str, Any]:
    """The certificate on a token that is plugged in, or in PEM: one of the two.  Raises `ApiError`."""
    if (holder is None) == (pem is None):
        raise ApiError(Code.USAGE, reason="either", option="--holder", other="--certificate")
    if pem is not None:
        return bound_pem(pem)
    token = await inventory.pick(holder)
    return bound_on(token, await inventory.find_certificate(token, None, datetime.now(UTC)))


def _text(value: str, longest: int) -> str | None:
    """What a token says of itself, as far as a statement takes it for a name."""
    kept = "".join(char for char in value if char.isprintable()).strip()[:longest].strip()
    return kept or None
