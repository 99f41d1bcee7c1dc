"""The returned card: known by chip and code, by chip alone or by its printed number; how it falls; what the issuer is told."""

from dataclasses import dataclass, replace

from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import AskName, ErrandOutcome, Outcome
from kiosk.errands.return_card import views
from kiosk.issuer.ports import BlockReason, Found, HoldReason, NotFound, RequestDeclined
from kiosk.issuer.proof_ports import PersonProof
from kiosk.steps import own_card_views
from kiosk.steps.blocking import BlockRequest, try_to_block_or_hold
from kiosk.steps.blocking_views import DEAD
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import ask_for_card, wait_until_empty
from kiosk.steps.card_views import with_office
from kiosk.steps.context import ErrandContext, Subject
from kiosk.steps.drop_slot import drop_card
from kiosk.steps.identity.identification import Identification, holder_means
from kiosk.steps.identity.printed_number import ask_printed_number
from kiosk.steps.identity.proof_of_possession import OWN_CARD, prove_person
from kiosk.steps.own_card import OwnCard, find_present_holders, hold_card


@dataclass(frozen=True, slots=True)
class ReturnedCard:
    """A card on its way back. `who.hsa_id` is empty where nobody has proved anything: then nothing is blocked for good."""

    whose: Subject
    who: Identification
    may_keep: bool
    """Another assignment in the region follows."""
    employers: tuple[str, ...] = ()
    """Those of several that the card is used with, by name: who leaves one of them may keep it."""
    is_seen: bool = True
    """It was in the reader. Otherwise its printed number was typed, and any card may lie in the bin."""
    is_ours: bool = True
    """Its issuer is trusted here, and the register, where it could be asked, knows it."""
    hold: HoldReason = "returned"
    """Why it is on hold where nobody has proved anything; `found`: a colleague hands it in."""
    note_only: bool = False
    """More cards were found in this visit than are put on hold in nobody's name."""


async def identify_card(context: ErrandContext, *, is_found: bool = False) -> ReturnedCard:
    """The card, out of the reader again. One that is not ours comes only from who has said that it shall. No code is asked for
    where it `is_found`.

    Raises StopError where its number is not known.
    """
    visit = await ask_for_card(
        context.ask, context.caps.reader, lambda why: views.insert(context, why, is_found=is_found)
    )
    if isinstance(visit, str):
        printed = await ask_printed_number(context, limited=not is_found)
        back = ReturnedCard(printed.whose, Identification("number"), may_keep=False, is_seen=False)
        return _found(context.caps, back) if is_found else back
    async with hold_card(context, visit) as card:
        is_ours = _is_ours(card)
        if not is_ours:
            await context.ask(with_office(views.not_ours(context, card.facts), context.caps.region))
        proof = None if is_found else await _proof(context, card)
        identity = Identification("number") if proof is None else Identification("card", proof.hsa_id, proof=proof)
        several = await find_present_holders(context.caps, card.facts) if len(card.facts.holders) > 1 else ()
        named = tuple(holder.organisation or holder.hsa_id for holder in several)
        back = ReturnedCard(card.whose, identity, await _may_keep(context.caps, card, proof), named, is_ours=is_ours)
    await context.ask(views.take(context), until=wait_until_empty(context.caps.reader))
    return _found(context.caps, back) if is_found else back


def _found(caps: Capabilities, back: ReturnedCard) -> ReturnedCard:
    """A card of a holder who is not here counts against the limit of holds in nobody's name, by chip too."""
    return replace(back, hold="found", note_only=not caps.reports.allow(caps.clock.monotonic()))


def _is_ours(card: OwnCard) -> bool:
    certificate = card.facts.certificate("identification")
    trusted = certificate is None or certificate.chain != "untrusted"
    return trusted and not isinstance(card.register, NotFound)


async def _proof(context: ErrandContext, card: OwnCard) -> PersonProof | None:
    """The holder's, by code and signature, where the card could prove anybody. Raises as `prove_person`."""
    pin, certificate = card.facts.pin(Role.IDENTIFICATION), card.facts.certificate("identification")
    may = pin is not None and pin.state != "locked" and certificate is not None and certificate.chain in OWN_CARD
    instead = context.caps.region.without_hold
    words_of_block = views.know_code(context, holds=instead is None, blocks=not (instead and instead.blocks))
    if not may or await context.ask(words_of_block) != "yes":
        return None
    words, means = (
        own_card_views.code(context, card.facts),
        holder_means(card.facts, AskName.CARD_BLOCK, AskName.CARD_HOLD, AskName.DIRECTORY_FIND),
    )
    return await prove_person(context, card.visit, words, means, card.register, OWN_CARD)


async def _may_keep(caps: Capabilities, card: OwnCard, proof: PersonProof | None) -> bool:
    """Return whether another assignment follows: told to the holder alone."""
    if proof is None or not proof.by_server:
        return False
    answer = await caps.directory.find(card_number=card.whose.card_number, people=(proof,))
    return isinstance(answer, Found) and answer.person is not None and answer.person.continued


async def tell_issuer(context: ErrandContext, card: ReturnedCard, reason: BlockReason | None) -> str:
    """Have it blocked, or held, as was pledged. It is in the bin already: it is returned whatever the issuer says to that."""
    by = card.who.proof
    wish = BlockRequest(card.whose.card_number, reason if by else None, card.hold, by, card.note_only)
    match await try_to_block_or_hold(context, wish):
        case RequestDeclined(why):
            return "was_blocked" if why in DEAD else "not_told"
        case outcome:
            return outcome


async def drop_into_bin(
    context: ErrandContext, card: ReturnedCard, reason: BlockReason | None, *, blocks: bool
) -> None:
    """See the card fall. One that is stuck, or that a silent cabinet may have swallowed, is on hold. `blocks`: it is said that
    the card is blocked when it has fallen. Raises StopError."""
    assert context.caps.cabinet is not None, "the errand is not offered without"
    number, by = card.whose.card_number, card.who.proof
    facts = {} if card.is_seen else {"by_number": True}
    facts |= {"found": True} if card.hold == "found" else {}
    pledge = context.caps.blocking.pledge_for_drop(
        number, reason if by else None, by=by, errand=context.log.id, hold=card.hold, note_only=card.note_only
    )
    came = await drop_card(
        context, context.caps.cabinet, views.drop(context, number, blocks=blocks), number, pledge, **facts
    )
    if came in (Outcome.JAM, Outcome.FISHING, Outcome.MUTE):
        wish = BlockRequest(number, None, card.hold, card.who.proof, card.note_only)
        await try_to_block_or_hold(context, wish)
        raise (
            context.stop("drop_unseen", ErrandOutcome.FAULT, badge="failure", icon="archive-arrow-down-outline")
            if came == Outcome.MUTE
            else context.stop("drop_stuck", ErrandOutcome.FAULT, badge="failure", icon="archive-arrow-down-outline")
        )
    if came != Outcome.DROPPED:
        raise context.stop("not_returned")
