"""The conformance suite: which checks are made, in which order, and what came of each.

Rules: a card is changed only in the ways that the operator listed for it; what is final comes last; each check reads the card's
state by itself, so that one fault does not hide the next.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cryptography import x509

from fleet.server.files.csv_files import FileError
from fleet.server.issuer_adapters.conformance.changes import CardChanges
from fleet.server.issuer_adapters.conformance.conversation import (
    NOT_FOUND,
    Conversation,
    MismatchError,
    Transport,
    check_equal,
    check_refused,
    new_key,
)
from fleet.server.issuer_adapters.conformance.renewal import Published, Renewals, stranger
from fleet.server.issuer_adapters.conformance.settings import CheckCard, CheckCards
from fleet.server.issuer_adapters.conformance.state_machine import GROUPS, TRANSITIONS, Change
from fleet.server.issuers.ports import IssuerAwayError, Standing
from fleet.server.orders.order_files import read_orders

Outcome = Literal["passed", "failed", "skipped"]
UNCHANGED: tuple[Change, ...] = ("hold", "lift", "received", "letter", "challenge", "puk")
"""Changes of a card that is blocked: each is refused, and nothing comes of it."""


class CheckResult(NamedTuple):
    """One check. `detail`: what was wrong, or why it was left out."""

    check: str
    card: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Issuer as the suite reaches it. `nobody`: the same address without our TLS certificate."""

    conversation: Conversation
    changes: CardChanges
    nobody: Transport | None = None
    renewals: Renewals | None = None
    published: Published | None = None


class Suite:
    """One run. `results` grows as checks are made."""

    def __init__(self, issuer: Issuer, cards: CheckCards) -> None:
        self._issuer = issuer
        self._talk = issuer.conversation
        self._cards = cards
        self._new: dict[str, x509.Certificate] = {}
        self.results: list[CheckResult] = []

    async def run(self) -> list[CheckResult]:
        """All checks. Faults of the issuer are results."""
        for change in self._cards.lacks:
            self._skip(change, None, "the issuer has it not")
        await self._interface()
        for card in self._cards.card:
            await self._check("directory", card, self._look_up(card))
        for card in self._cards.card:
            await self._in_use(card)
        for card in self._cards.card:
            if self._cards.may(card, "block"):
                await self._blocked(card)
        return self.results

    async def _check(self, name: str, card: CheckCard | None, work: Awaitable[None]) -> bool:
        number = card.number if card is not None else ""
        try:
            await work
        except (MismatchError, IssuerAwayError) as error:
            self.results.append(CheckResult(name, number, "failed", str(error)))
            return False
        self.results.append(CheckResult(name, number, "passed"))
        return True

    def _skip(self, name: str, card: CheckCard | None, why: str) -> None:
        self.results.append(CheckResult(name, card.number if card is not None else "", "skipped", why))

    async def _interface(self) -> None:
        """Check what concerns no single card: the TLS certificate, an unknown card, orders."""
        if self._issuer.nobody is not None:
            await self._check("TLS certificate wanted", None, self._nobody_gets_in(self._issuer.nobody))
        await self._check("unknown card", None, self._unknown())
        await self._check("orders", None, self._orders())

    async def _nobody_gets_in(self, nobody: Transport) -> None:
        try:
            reply = await nobody.get("/api/v1/orders.csv")
        except IssuerAwayError:
            return
        if reply.status not in (401, 403):
            raise MismatchError(f"without a TLS certificate the orders are answered: HTTP {reply.status}")

    async def _unknown(self) -> None:
        card = CheckCard(number=self._cards.unknown_card, hsa_id=self._cards.administrator)
        for change in (change for change in TRANSITIONS if change not in self._cards.lacks):
            body = self._issuer.changes.body(change, card)
            reply = await self._talk.change(card.number, change, body, new_key())
            check_equal(f"HTTP status of {change}", reply.status, NOT_FOUND)
        reply = await self._talk.get(f"/api/v1/directory?card_number={card.number}")
        check_equal("HTTP status of the directory", reply.status, NOT_FOUND)

    async def _orders(self) -> None:
        reply = await self._talk.get("/api/v1/orders.csv")
        check_equal("HTTP status", reply.status, 200)
        try:
            lines = read_orders(reply.content)
        except FileError as error:
            first = error.problems[0]
            raise MismatchError(f"line {first.line} {first.column}: {first.reason}") from None
        holders = {line.record.card_number: line.record.hsa_id for line in lines}
        for card in self._cards.card:
            if card.ordered:
                check_equal(f"the holder of {card.number} in the orders", holders.get(card.number), card.hsa_id)
                state = (await self._talk.card(card.number)).state
                check_equal(f"the state of the ordered card {card.number}", GROUPS[state], "before use")

    async def _look_up(self, card: CheckCard) -> None:
        by_number = await self._talk.look_up(card_number=card.number)
        by_person = await self._talk.look_up(hsa_id=card.hsa_id)
        record = await self._talk.card(card.number)
        check_equal("the card's holder", record.hsa_id, card.hsa_id)
        if record not in by_person.cards:
            raise MismatchError("the person's cards do not have it as the register has it")
        for person in (by_number.person, by_person.person):
            if person is not None:
                check_equal("the person", person.hsa_id, card.hsa_id)
                if person.protected and person.name is not None:
                    raise MismatchError("a name is given for a protected identity")

    async def _in_use(self, card: CheckCard) -> None:
        """Everything that a card goes on after."""
        if self._cards.may(card, "hold"):
            await self._check("requests that are not in order", card, self._wrong_requests(card))
            await self._held(card)
            await self._check("one key, one change", card, self._one_key(card))
        if self._cards.may(card, "received"):
            await self._check("received by another", card, self._of_another(card, "received"))
            await self._change("received", card)
            await self._change("received", card)
        if self._cards.may(card, "renew"):
            await self._renewed(card)
        if self._cards.may(card, "letter"):
            await self._check("letter of another", card, self._of_another(card, "letter"))
            await self._change("letter", card)
        if self._cards.may(card, "challenge"):
            await self._check("unlock attended", card, self._attended(card, "challenge"))
            await self._change("challenge", card)
            await self._check("challenge by the card's key", card, self._deterministic(card))
        if self._cards.may(card, "puk"):
            await self._check("PUK attended", card, self._attended(card, "puk"))
            await self._check("PUK of another", card, self._of_another(card, "puk"))
            await self._change("puk", card)
            await self._check("PUK once", card, self._puk_once(card))

    async def _change(self, change: Change, card: CheckCard) -> None:
        """Named after the state that the card is in."""
        if change in self._cards.lacks:
            return
        try:
            before = await self._talk.card(card.number)
        except (MismatchError, IssuerAwayError) as error:
            self.results.append(CheckResult(change, card.number, "failed", str(error)))
            return
        await self._check(f"{change} from {before.state}", card, self._issuer.changes.make(change, card, before))

    async def _held(self, card: CheckCard) -> None:
        await self._change("lift", card)
        await self._change("hold", card)
        await self._change("hold", card)
        for change in UNCHANGED[2:]:
            if change in card.may:
                await self._change(change, card)
        await self._standing(card, "suspended")
        await self._change("lift", card)
        await self._change("lift", card)
        await self._standing(card, "good")

    async def _blocked(self, card: CheckCard) -> None:
        if self._cards.may(card, "hold"):
            await self._change("hold", card)
        await self._change("block", card)
        await self._change("block", card)
        for change in UNCHANGED:
            await self._change(change, card)
        await self._standing(card, "revoked")

    async def _wrong_requests(self, card: CheckCard) -> None:
        before, body = await self._talk.card(card.number), self._issuer.changes.body("hold", card)
        wrong: list[tuple[object, str | None]] = [
            (body, None), (body, "no key"), (b"{", new_key()), ({**body, "reason": "nothing"}, new_key()),
            ({**body, "more": 1}, new_key()), ({"reason": "lost"}, new_key()),
        ]  # fmt: skip
        for sent, key in wrong:
            check_refused(await self._talk.change(card.number, "hold", sent, key))
        check_equal("the card afterwards", await self._talk.card(card.number), before)

    async def _one_key(self, card: CheckCard) -> None:
        """A key that stood for a hold stands for no lift."""
        key, changes = new_key(), self._issuer.changes
        await self._talk.change(card.number, "hold", changes.body("hold", card), key)
        held_card = await self._talk.card(card.number)
        reply = await self._talk.change(card.number, "lift", changes.body("lift", card), key)
        now = await self._talk.card(card.number)
        await self._talk.change(card.number, "lift", changes.body("lift", card), new_key())
        check_refused(reply)
        check_equal("the card afterwards", now, held_card)

    async def _of_another(self, card: CheckCard, change: Change) -> None:
        """Named with a holder whose card it is not."""
        other = card.model_copy(update={"hsa_id": self._cards.administrator})
        await self._unchanged(card, change, self._issuer.changes.body(change, other))

    async def _attended(self, card: CheckCard, change: Change) -> None:
        """By the holder alone, and by the holder twice."""
        body = self._issuer.changes.body(change, card)
        for people in ([card.hsa_id], [card.hsa_id, card.hsa_id]):
            await self._unchanged(card, change, {**body, "people": people})

    async def _unchanged(self, card: CheckCard, change: Change, body: object) -> None:
        before = await self._talk.card(card.number)
        check_refused(await self._talk.change(card.number, change, body, new_key()))
        check_equal("the card afterwards", await self._talk.card(card.number), before)

    async def _deterministic(self, card: CheckCard) -> None:
        """One key: the same block gives the same response, another block another."""
        body = self._issuer.changes.body("challenge", card)
        other = {**body, "challenge": card.challenge[:-1] + ("0" if card.challenge[-1] != "0" else "1")}
        first, second, third = [
            (await self._talk.change(card.number, "challenge", sent, new_key())).content for sent in (body, body, other)
        ]
        if first != second or first == third:
            raise MismatchError("the responses are not those of one key")

    async def _puk_once(self, card: CheckCard) -> None:
        reply = await self._talk.change(card.number, "puk", self._issuer.changes.body("puk", card), new_key())
        check_refused(reply, "no_puk")

    async def _renewed(self, card: CheckCard) -> None:
        renewals = self._issuer.renewals
        if renewals is None or not card.certificate:
            self._skip("renew", card, "no certificate of the card is named")
            return
        (current,) = x509.load_pem_x509_certificates((self._cards.base / card.certificate).read_bytes())[:1]
        subject, work = stranger(card.hsa_id), renewals.check_refused

        async def renew() -> None:
            self._new[card.number] = await renewals.renew(card, current)

        await self._check("renew for another subject", card, work(card, subject, "for another subject"))
        if not await self._check("renew from active", card, renew()):
            return
        await self._standing(card, "good")
        if self._cards.may(card, "hold"):
            await self._change("hold", card)
            await self._check("renew from held", card, work(card, current.subject, "to a card on hold"))
            await self._standing(card, "suspended")
            await self._change("lift", card)
            await self._standing(card, "good")

    async def _standing(self, card: CheckCard, due: Standing) -> None:
        """Of the certificate that was issued before."""
        if self._issuer.published is not None and card.number in self._new:
            await self._check(f"published as {due}", card, self._issuer.published.check(self._new[card.number], due))
