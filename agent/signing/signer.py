"""Who signs with what, for a whole set: the session on the token, and what the person is asked before it may be used."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.api.errors import ApiError, Code
from agent.cades.check import is_about
from agent.cades.cms import DATA
from agent.governance.documents import SignDocuments, judge_set
from agent.governance.refusal import Refusal
from agent.inventory.asking import Ask
from agent.inventory.certificates import CertificateView, views
from agent.inventory.service import Inventory
from agent.server.jobs import Job
from agent.signing.order import Document, Order, Rest
from tokens.errors import TokenError
from tokens.identity import Identity, meaningful
from tokens.session import Session
from tokens.types import SignatureScheme, Token


@dataclass(frozen=True, slots=True)
class Means:
    """The token and the certificate that a set is signed with."""

    token: Token
    certificate: CertificateView
    scheme: SignatureScheme

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the certificate."""
        return x509.load_der_x509_certificate(self.certificate.der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def authorise(self, documents: int, at: datetime) -> None:
        """Ask the rules whether so many documents may be signed now; raises `ApiError` (not_allowed)."""
        c = self.certificate
        said = judge_set(SignDocuments(c.common_name, c.not_before, c.not_after, c.may_sign, c.ca, documents), at)
        if isinstance(said, Refusal):
            raise ApiError(Code.NOT_ALLOWED, reason=said.reason, rule=said.rule, **dict(said.facts))

    def record(self) -> dict[str, Any]:
        """As the intent holds it."""
        token = {"module": self.token.module, "token": self.token.serial, "label": self.token.label}
        return {**token, "certificate": self.certificate.fingerprint, "signer": self.certificate.common_name, "scheme": str(self.scheme)}


async def means_of(order: Order, inventory: Inventory, now: datetime) -> Means:
    """What the order is to be signed with; what is resumed is signed with the same token and certificate, or not at all.

    Raises `ApiError`: token_absent (reason other_token), certificate_mismatch (reason resumed), mechanism_unsupported, and those of the inventory.
    """
    rest = order.rest
    if rest is None:
        token = await inventory.pick(order.token)
        certificate = await inventory.find_certificate(token, order.certificate, now)
    else:
        token = await _picked(rest, order.token, inventory)
        certificate = await _same(rest, token, order.certificate, inventory, now)
    scheme = next(iter(token.schemes_for(certificate.key_type)), None)
    if scheme is None:
        raise ApiError(Code.MECHANISM_UNSUPPORTED, token=token.label, key_type=certificate.key_type)
    return Means(token, certificate, scheme)


async def _picked(rest: Rest, asked: str | None, inventory: Inventory) -> Token:
    """The token that is asked for, else the one that the set was begun on, which people know by its label."""
    try:
        return await inventory.pick(asked or meaningful(rest.serial) or rest.label)
    except ApiError as error:
        if error.code is Code.TOKEN_ABSENT and asked is None:
            error.facts.update(token=rest.label, serial=rest.serial)
        raise


async def _same(rest: Rest, token: Token, asked: str | None, inventory: Inventory, now: datetime) -> CertificateView:
    """The certificate that the set was begun with, on the token that it was begun on."""
    begun_on = Identity(rest.module, meaningful(rest.serial), rest.label, frozenset({rest.certificate}))
    if not token.identity.same(begun_on):
        raise ApiError(Code.TOKEN_ABSENT, reason="other_token", token=rest.label, serial=rest.serial, present=f"{token.label} ({token.serial})")
    held = next((each for each in views(token) if each.fingerprint == rest.certificate), None)
    if asked is not None:
        held = await inventory.find_certificate(token, asked, now)
    if held is None or held.fingerprint != rest.certificate:
        raise ApiError(Code.CERTIFICATE_MISMATCH, reason="resumed", token=token.label, certificate=rest.certificate[:12])
    return held


class SetStopped(Exception):
    """Something about the set and not about the document that was under way: nobody gave the next PIN."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.code)
        self.error = error


class Signer:
    """The means with a session on the token, for one set; asks for the PIN as often as the settings and the key demand."""

    def __init__(self, means: Means, session: Session, job: Job, inventory: Inventory) -> None:
        self.means, self.session = means, session
        self._job, self._inventory = job, inventory
        self._public_key = means.public_key
        self._each = inventory.settings.pin_scope == "signature"
        self._turn = asyncio.Lock()
        self._pin_used = False
        self._stopped: SetStopped | TokenError | None = None

    async def unlock(self, documents: Sequence[Document]) -> None:
        """Ask for consent and PIN, and log in once; raises `ApiError`, `TokenError`.

        That the key wants the PIN at every signature may show only now: then the person is told, and asked, before the first one.
        """
        token, cka_id, listed = self.means.token, self.means.certificate.cka_id, [document.listed() for document in documents]
        await self._inventory.unlock(self._job, self.session, token, "sign", listed, cka_id)
        if self._each or len(documents) == 1 or self._inventory.asks_each_time(token, cka_id):
            return
        if (await self.session.signer(cka_id)).always_authenticate:
            ask = Ask("sign", listed, each_signature=True)
            await self._inventory.consent(self._job, self.session, token, ask, "each_signature", count=len(documents))

    async def prove(self) -> None:
        """Try a kind of key that is new here on a text that means nothing, unless the PIN is for one signature: that is the document's."""
        if not self._each:
            means = self.means
            await self._inventory.prove(self.session, means.token, means.certificate.cka_id, means.scheme, self._public_key)

    async def sign(self, document: Document, attributes: bytes) -> bytes:
        """The token's signature over the attributes of `document`, checked; raises `TokenError`, `SetStopped`."""
        if not self._each:
            return await self._signed(attributes)
        async with self._turn:
            if self._stopped is not None:
                raise self._stopped
            try:
                if self._pin_used:
                    await self._again(document)
                self._pin_used = True
                return await self._signed(attributes)
            except (SetStopped, TokenError) as error:
                self._stopped = error
                raise

    async def _signed(self, attributes: bytes) -> bytes:
        if not is_about(attributes, DATA):  # they come from a worker that reads strangers' files: a person's decision is not signed by the way
            raise ApiError(Code.INTERNAL, during="sign", type="attributes")
        certificate = self.means.certificate
        return await self.session.sign(certificate.cka_id, self.means.scheme, attributes, self._public_key)

    async def _again(self, document: Document) -> None:
        means = self.means
        try:
            await self._inventory.again(self._job, self.session, means.token, "sign", [document.listed()], means.certificate.cka_id)
        except ApiError as error:
            raise SetStopped(error) from error
