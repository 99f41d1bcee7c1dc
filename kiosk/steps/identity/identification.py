"""Identification: the holder's own valid card and its PIN, or an ID administrator who attends.

Rules: docs/rules.md, "Hand-over and return". A card that is not valid identifies nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from drivers.reader.model import CardFacts, Certificate
from fleet.messages.attending import may_attend_protected
from fleet.messages.mandates import means_of
from fleet.messages.vocabulary import AskName, EventType
from kiosk.issuer.ports import CardWord, LoggedIn
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import ErrandLog, Order, Visit
from kiosk.receipts.facts import IdentifiedBy
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import ask_for_card, wait_until_empty
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.identity import identification_views as views
from kiosk.steps.identity.administrator import (
    HAND_OVER_TAGS,
    About,
    Which,
    acts_of,
    log_in,
    log_in_another,
    proofs_of,
    return_card_to_administrator,
    sign_for,
)
from kiosk.steps.identity.card_status import check_own_card
from kiosk.steps.identity.employer import choose_employer, show_employer
from kiosk.steps.identity.proof_of_possession import prove_person
from kiosk.steps.identity.release_code import ask_release_code, has_order_for_release
from kiosk.steps.own_card import ask_register

RESERVE = "reserve"
"""The product of an order whose card is a spare one."""


@dataclass(frozen=True, slots=True)
class Identification:
    """Identity of the holder, and who vouches. `hsa_id` is empty while an administrator has not yet pointed out the
    order."""

    by: IdentifiedBy
    hsa_id: str = ""
    loa: int | None = None
    """Level of the certificate that the holder identified with."""
    card_number: str = ""
    """The holder's own card, where that is what was used."""
    order: str = ""
    """The order that the release code is of."""
    administrator: LoggedIn | None = None
    document: str | None = None
    """Kind of the ID document that the administrator has seen."""
    document_digits: str = ""
    """The last digits of its number."""
    checks: tuple[str, ...] = ()
    """The region's identity checks that the administrator went through."""
    second: LoggedIn | None = None
    """The other administrator, where it takes two."""
    proof: PersonProof | None = field(default=None, repr=False)
    """The holder's own, where their card has signed."""
    receives: PersonProof | None = field(default=None, repr=False)
    """The holder's own, for the hand-over of the card that waits for them."""
    employer: str = ""
    """For whom they are here, where their card names several."""
    certificates: tuple[Certificate, ...] = field(default=(), repr=False)
    """All that lie on that card."""

    @property
    def several(self) -> bool:
        """True where the card that has signed for the holder names several HSA-ids."""
        return self.proof is not None and len(self.proof.hsa_ids) > 1

    def is_attended_by(self, facts: CardFacts) -> bool:
        """Return whether the card is that of somebody who attends: by whichever of their HSA-ids."""
        attending = (administrator for administrator in (self.administrator, self.second) if administrator is not None)
        return any(not administrator.hsa_ids.isdisjoint(facts.hsa_ids) for administrator in attending)

    @property
    def people(self) -> tuple[PersonProof, ...]:
        """Everybody whose card has signed, as they read the register."""
        return (*((self.proof,) if self.proof else ()), *proofs_of(self.administrator, self.second))

    @property
    def acting(self) -> tuple[PersonProof, ...]:
        """The proofs that they have signed about one card: the holder about their own, who attends about the holder's."""
        return (*((self.proof,) if self.proof else ()), *acts_of(self.administrator, self.second))


async def identify(context: ErrandContext) -> Identification:
    """Let the person choose the way, and go it. Raises StopError where it leads nowhere."""
    match await context.ask(views.who(context, released=await has_order_for_release(context.caps))):
        case "administrator":
            return await identify_by_administrator(context, keeps_card=True)
        case "release_code":
            order = await ask_release_code(context)
            return Identification("release_code", order.hsa_id, order.loa, order=order.order)
        case _:
            return await _own_card(context)


async def _own_card(context: ErrandContext) -> Identification:
    visit = await ask_for_card(context.ask, context.caps.reader, partial(views.insert_own, context))
    assert not isinstance(visit, str)
    try:
        employer = await choose_employer(context, visit, partial(_has_order, context.caps))
        context = show_employer(context, employer)
        word = await check_own_card(context, visit.facts)
        certificate = visit.facts.certificate("identification")
        if certificate is None or certificate.chain != "ok":
            raise views.own_card_not_valid(context, certificate)
        means = holder_means(visit.facts, AskName.CARD_BLOCK, AskName.CARD_HOLD)  # once it has fallen into the bin
        proof = await prove_person(context, visit, views.own_code(context, visit.facts), means, word)
        receives = await _sign_for_order(context.caps, visit, proof.hsa_id)
    finally:
        await visit.close()
    await context.ask(views.take_own(context), until=wait_until_empty(context.caps.reader))
    return Identification(
        "old_card", proof.hsa_id, proof.loa, proof.card_number, proof=proof, employer=employer,
        certificates=visit.facts.certificates, receives=receives,
    )  # fmt: skip


async def _sign_for_order(caps: Capabilities, visit: Visit, hsa_id: str) -> PersonProof | None:
    """The hand-over of the card that waits for them: a mandate of its own, since a nonce of ours stands behind one ask."""
    order = await caps.orders.find(hsa_id)
    if order is None:
        return None
    word = await ask_register(caps, order.card_number)
    means = (means_of(AskName.CARD_RECEIVED, order.card_number),)
    nonce = word.nonce if isinstance(word, CardWord) else ""
    proof = await caps.proofs.prove(visit.facts, partial(visit.sign, "identification"), means, nonce)
    return proof if isinstance(proof, PersonProof) else None


async def _has_order(caps: Capabilities, hsa_id: str) -> bool:
    return await caps.orders.find(hsa_id) is not None


def holder_means(facts: CardFacts, *tags: AskName) -> tuple[str, ...]:
    """Return what the holder of that card means: to be known by the directory, and those asks about the card."""
    return (means_of(AskName.DIRECTORY_FIND, facts.holder.hsa_id), *(means_of(tag, facts.card_number) for tag in tags))


async def identify_by_administrator(
    context: ErrandContext,
    but: Collection[str] = (),
    whose: CardHolder | None = None,
    about: About | None = None,
    *,
    keeps_card: bool = False,
) -> Identification:
    """An administrator, who is none of those (HSA-ids), proves with card and code who they are, and says which document was
    seen. `whose`: the card that the region's identity checks are about, where they are gone through. `about`: the card that they
    sign for, where it is known; `keeps_card`: it will be, and theirs stays in until they have signed. Raises StopError."""
    administrator = await log_in(context, but, about)
    document = await context.ask(views.document(context, administrator, context.caps.region.identity_checks.documents))
    digits = await context.ask(views.document_digits(context, administrator))
    checks = () if whose is None else await _go_through_checks(context, administrator, document, whose)
    if not keeps_card:
        await return_card_to_administrator(replace(context, attended_by=administrator.name))
    return Identification(
        "administrator",
        administrator=administrator,
        document=document,
        document_digits=digits[-views.DOCUMENT_DIGITS :],
        checks=checks,
    )


async def _go_through_checks(
    context: ErrandContext, administrator: LoggedIn, document: str, whose: CardHolder
) -> tuple[str, ...]:
    """Each of the region's identity checks, ticked by the administrator; their ids, in the region's order. Raises StopError where
    one does not agree."""
    steps = context.caps.region.identity_checks.steps
    readers: tuple[Which, ...] = (
        ("administrator",) if context.caps.administrator_reader is None else ("holder", "administrator")
    )
    state = views.CheckState(steps, frozenset(), readers)
    while len(state.ticked) < len(steps):
        answer = await context.ask(views.identity_checks(context, administrator, state, document, whose))
        if answer == "disagrees":
            raise context.stop("identity_disagrees", icon="alert-outline")
        state = replace(state, ticked=state.ticked ^ {answer})
    return tuple(step.id for step in steps)


async def attest_identity(context: ErrandContext, order: Order, identity: Identification) -> Identification:
    """Write down who attests this hand-over, and what they have seen; their cards have signed for that card then. LoA3 on a
    reserve card takes two administrators, neither of whom is the holder; for a protected identity both have the role KUR. Raises
    StopError where there is only the holder's word for it, or the first has not that role.
    """
    two = order.product == RESERVE and order.loa == 3
    if identity.administrator is None:
        if two:
            raise context.stop("two_needed")
        return identity
    first, about = identity.administrator, About(order.card_number, HAND_OVER_TAGS)
    if first.act is None:
        first = await sign_for(context, first, about)
        await return_card_to_administrator(replace(context, attended_by=first.name))
        identity = replace(identity, administrator=first)
    if two:
        if order.protected and not may_attend_protected(first.roles):
            raise context.stop("kur_needed")
        but = first.hsa_ids | {order.hsa_id}
        second = await log_in_another(context, but, for_protected=order.protected, about=about)
        identity = replace(identity, second=second)
    await note_attested(context.log, identity)
    return identity


async def sign_all(context: ErrandContext, identity: Identification, about: About) -> Identification:
    """Let those who attend sign for that card, one after the other; their cards are out again then. Raises as
    `sign_for`."""
    signed: list[LoggedIn | None] = []
    for administrator in (identity.administrator, identity.second):
        signed.append(administrator and await sign_for(context, administrator, about))
        if administrator is not None:
            await return_card_to_administrator(context, always=identity.second is not None)
    return replace(identity, administrator=signed[0], second=signed[1])


async def note_attested(log: ErrandLog, identity: Identification) -> None:
    """Write down who attests whose identity, and what they have seen."""
    if identity.administrator is not None:
        more: dict[str, Any] = {"second": identity.second.hsa_id} if identity.second else {}
        more |= {"checks": list(identity.checks)} if identity.checks else {}
        await log.note(
            EventType.IDENTITY_ATTESTED, administrator=identity.administrator.hsa_id,
            logged_in_by=identity.administrator.by, document=identity.document,
            document_digits=identity.document_digits, **more,
        )  # fmt: skip
