"""A reserve card: who it was given to, who stands here, and what the issuer offers it.

Rules (docs/rules.md, "Hand-over and return"): one card to one person ever; the certificate does not outlive the assignment;
level 2 is being phased out, and is warned of before anything; level 3 on a reserve card takes two ID administrators, with
the role KUR where the holder's identity is protected.
"""

from dataclasses import replace
from functools import partial

from fleet.messages.attending import may_attend_protected
from fleet.messages.issuing import CardRecord
from fleet.messages.vocabulary import AskName
from kiosk.errands.reserve_certificate import views
from kiosk.issuer.ports import CardWord, Found, LoggedIn, Offer, RequestDeclined, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Order
from kiosk.steps import own_card_views
from kiosk.steps.card import ask_for_card, wait_until_empty
from kiosk.steps.certificate import card_write_views
from kiosk.steps.certificate.issuance import Renewal
from kiosk.steps.certificate.offer import ask_for_offers, require_free_place
from kiosk.steps.certificate.views import not_offered
from kiosk.steps.context import ErrandContext, Subject, ViewContext
from kiosk.steps.identity.administrator import About, log_in_another, meet_again
from kiosk.steps.identity.card_status import check_own_card
from kiosk.steps.identity.employer import choose_employer, show_employer
from kiosk.steps.identity.identification import (
    Identification,
    holder_means,
    identify_by_administrator,
    note_attested,
    sign_all,
)
from kiosk.steps.identity.printed_number import ask_printed_number
from kiosk.steps.identity.proof_of_possession import prove_person
from kiosk.steps.own_card import OwnCard, ask_register
from kiosk.steps.pin.by_administrator import in_turn


async def identify_holder(context: ErrandContext) -> Identification:
    """By a valid card of their own and its code, or an ID administrator attends; a second one for level 3, which is the only way
    where the region has switched level 2 off. Raises StopError."""
    level_2 = context.caps.region.reserve.level_2
    if not level_2 or await context.ask(views.who(context)) == "administrator":
        identity = await identify_by_administrator(context)
        assert identity.administrator is not None, "who attends has logged in"
        if not level_2 or await context.ask(views.level(context)) == "3":
            return replace(identity, second=await log_in_another(context, identity.administrator.hsa_ids))
        return identity
    visit = await ask_for_card(context.ask, context.caps.reader, lambda why: views.insert_own(context, why))
    assert not isinstance(visit, str), "the only other way out is to cancel"
    try:
        context = show_employer(context, await choose_employer(context, visit))
        word = await check_own_card(context, visit.facts)
        certificate = visit.facts.certificate("identification")
        if certificate is None or certificate.chain != "ok":
            raise context.stop("own_not_valid")
        words, means = own_card_views.code(context, visit.facts), holder_means(visit.facts)
        proof = await prove_person(context, visit, words, means, word)
    finally:
        await visit.close()
    await context.ask(views.take_own(context), until=wait_until_empty(context.caps.reader))
    return Identification("old_card", proof.hsa_id, proof.loa, proof.card_number, proof=proof)


async def choose_certificate(
    context: ErrandContext, card: OwnCard, identity: Identification, order: Order | None
) -> Renewal:
    """Return the certificate that this reserve card may be given, for the person to whom the register says that the
    card was given. `order`: of the card that was bound just now; no other is taken for it. Raises StopError."""
    if not card.facts.rules.writable:
        raise context.stop("not_writable")
    if not card.facts.card_number:  # a card without certificates does not say its number: it is printed on it
        printed = await ask_printed_number(context, identity.people)
        card.whose, card.register = Subject.of(card.facts, protected=True), printed.register
        card.whose = replace(card.whose, card_number=printed.whose.card_number)
    if order is not None and card.whose.card_number != order.card_number:
        raise context.stop("reserve_other_card")
    record = await _record(context, card, identity)
    _same_person(context, card, record, identity)
    _with_role(context, card, identity)
    card.whose = replace(card.whose, hsa_id=record.hsa_id)
    await context.log.about_card(card.whose.card_number, card.whose.hsa_id)
    if order is None:  # else it is written down already
        await note_attested(context.log, identity)
    none = views.over if identity.second is not None else not_offered
    offer = _of_level(context, await ask_for_offers(context, card, none), identity)
    await require_free_place(context, card, "identification")
    signing = partial(_sign, context, card.whose.card_number, identity)
    card.people = await in_turn(context, card, signing, own=identity.proof is not None)
    return Renewal(
        offer, "identification", card.facts.certificate("identification"), attended=bool(_attending(identity))
    )


async def _sign(context: ErrandContext, card_number: str, identity: Identification) -> tuple[PersonProof, ...]:
    """For this reserve card: whoever attends, or the holder with the card of their own, once more. Raises StopError."""
    about = About(card_number, (AskName.CERTIFICATE_REQUEST, AskName.CARD_CHALLENGE, AskName.CARD_RECEIVED))
    if identity.proof is None:
        return (await sign_all(context, identity, about)).acting
    async with meet_again(
        context, context.caps.reader, identity.proof.hsa_id, partial(views.insert_own, context)
    ) as visit:
        word, words = await ask_register(context.caps, card_number), own_card_views.code(context, visit.facts)
        proof = await prove_person(context, visit, words, about.means, word)
    await context.ask(views.take_own(context), until=wait_until_empty(context.caps.reader))
    return (proof,)


async def _record(context: ErrandContext, card: OwnCard, identity: Identification) -> CardRecord:
    """To whom the register says that it was given, told to whoever has proved to be that person, or attends. Raises StopError."""
    if isinstance(card.register, Unavailable):
        raise card_write_views.keys_away(context)
    if not isinstance(card.register, CardWord) or not card.register.reserve:
        raise context.stop("no_reserve_card")
    match await context.caps.directory.find(card_number=card.whose.card_number, people=identity.people):
        case Found() as answer if (record := answer.card(card.whose.card_number)) is not None:
            return record
        case RequestDeclined():
            raise context.stop("other_person")
        case _:
            raise card_write_views.keys_away(context)


def _same_person(context: ViewContext, card: OwnCard, record: CardRecord, identity: Identification) -> None:
    """One card to one person ever: register, card and whoever stands here agree."""
    holder = frozenset(record.hsa_ids) | card.facts.hsa_ids
    is_holder = identity.proof is None or record.hsa_id in identity.proof.hsa_ids
    on_card = not card.facts.hsa_ids or record.hsa_id in card.facts.hsa_ids
    if not (is_holder and on_card) or any(
        not administrator.hsa_ids.isdisjoint(holder) for administrator in _attending(identity)
    ):
        raise context.stop("other_person")


def _with_role(context: ViewContext, card: OwnCard, identity: Identification) -> None:
    """Two who attend for a protected identity both have the role for it; the server asks for that too."""
    protected = not isinstance(card.register, CardWord) or card.register.protected
    if (
        identity.second is not None
        and protected
        and not all(may_attend_protected(administrator.roles) for administrator in _attending(identity))
    ):
        raise context.stop("kur_needed")


def _attending(identity: Identification) -> tuple[LoggedIn, ...]:
    return tuple(
        administrator for administrator in (identity.administrator, identity.second) if administrator is not None
    )


def _of_level(context: ViewContext, offers: tuple[Offer, ...], identity: Identification) -> Offer:
    """Level 3 where two administrators attend, else level 2."""
    reserve = [offer for offer in offers if offer.profile == "reserve"]
    level = 3 if identity.second is not None else 2
    matching_offer = next(
        (offer for offer in reserve if offer.loa == level and offer.administrators <= len(_attending(identity))), None
    )
    if matching_offer is None:
        if level == 3:
            raise views.over(context)
        raise context.stop("two_administrators") if reserve else not_offered(context)
    return matching_offer
