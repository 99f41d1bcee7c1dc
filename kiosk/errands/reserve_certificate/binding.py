"""A reserve card from the cabinet: two ID administrators, who are both here, bind the oldest one to a person, who takes it out.

Rules (docs/rules.md, "Hand-over and return"): one card to one person ever, by the server's word alone, so that without it nothing
is offered; neither of the two is that person; the envelope is unbroken, else the card is on hold at once.
"""

from fleet.messages.attending import may_attend_protected
from fleet.messages.vocabulary import AskName, Effect, EventType
from kiosk.errands.reserve_certificate import views
from kiosk.issuer.ports import CardBound, CardWord, DirectoryPerson, Found, LoggedIn, NotFound, Unavailable
from kiosk.ports import Order
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.certificate import card_write_views
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.administrator import About
from kiosk.steps.identity.identification import Identification, note_attested, sign_all
from kiosk.steps.slot import take_from_slot
from kiosk.stock.stocktaking import RESERVE, StoredCard, oldest_reserves


async def fetch_reserve_card(context: ErrandContext, identity: Identification) -> Order | None:
    """The order of the card that was bound and taken out just now; None where the person has a card already, or none can be
    bound here. Raises StopError."""
    card = await _oldest_unbound(context.caps)
    if card is None or await context.ask(views.where(context)) == "here":
        return None
    person = await _person(context, identity)
    await context.ask(views.bind(context, person, card.card_number))
    await note_attested(context.log, identity)
    order = await _bind(context, identity, person, card)
    await context.log.about(order)
    await take_from_slot(context, order, identity)
    first, second = _both(identity)
    await context.log.note(
        EventType.CARD_TAKEN_OUT, card_number=order.card_number, slot=order.slot, why=RESERVE, by=first.hsa_id,
        second=second.hsa_id, order=None,
    )  # fmt: skip
    if await context.ask(views.unbroken(context, order.card_number)) == "no":
        holding = context.caps.blocking.hold(order.card_number, "envelope_broken", by=None, errand=context.log.id)
        await context.log.effect(Effect.CARD_HOLD, holding, card_number=order.card_number)
        raise context.stop("reserve_envelope")
    return order


async def _oldest_unbound(caps: Capabilities) -> StoredCard | None:
    """The oldest reserve card here that is nobody's yet, by the register; None without a cabinet, or where nobody answers."""
    if caps.cabinet is None or caps.stock is None:
        return None
    for card in oldest_reserves(await caps.stock.look()):
        match await caps.directory.state(card.card_number):
            case CardWord(reserve=True, state="ordered" | "waiting"):
                return card
            case Unavailable():
                return None
    return None


async def _person(context: ErrandContext, identity: Identification) -> DirectoryPerson:
    """Ask for an HSA-id and return its person as the server's directory knows them. Raises StopError where they may not
    be given the card."""
    while True:
        hsa_id = (await context.ask(views.person(context))).strip().upper()
        answer = await context.ask(
            views.looking_up(context), until=context.caps.directory.find(hsa_id=hsa_id, people=identity.people)
        )
        if isinstance(answer, Found) and answer.person is not None:
            break
        if not isinstance(answer, Found | NotFound):
            raise card_write_views.keys_away(context)
        await context.ask(views.person_not_known(context, hsa_id))
    both = _both(identity)
    if answer.person.hsa_id in {administrator.hsa_id for administrator in both}:
        raise context.stop("other_person")
    if answer.person.protected and not all(may_attend_protected(administrator.roles) for administrator in both):
        raise context.stop("kur_needed")
    return answer.person


async def _bind(context: ErrandContext, identity: Identification, person: DirectoryPerson, card: StoredCard) -> Order:
    """The order, for which the server has bound the card. Raises StopError."""
    first, second = _both(identity)
    identity = await sign_all(context, identity, About(card.card_number, (AskName.CARD_BIND,)))
    binding = context.caps.issuer.bind(card.card_number, person.hsa_id, errand=context.log.id, people=identity.acting)
    effect = context.log.effect(
        Effect.CARD_BIND, binding, card_number=card.card_number, hsa_id=person.hsa_id, by=first.hsa_id, second=second.hsa_id
    )  # fmt: skip
    match await context.ask(views.binding(context), until=effect):
        case CardBound(number, card_number, slot):
            name = None if person.protected else person.name
            today = context.caps.clock.now().astimezone().date().isoformat()
            return Order(
                number, person.hsa_id, name, person.protected, card_number, RESERVE, 3, slot, today
            )  # fmt: skip
        case Unavailable():
            raise card_write_views.keys_away(context)
        case _:
            raise context.stop("reserve_not_bound")


def _both(identity: Identification) -> tuple[LoggedIn, LoggedIn]:
    assert identity.administrator is not None, "who attends has logged in"
    assert identity.second is not None, "so has the other one"
    return identity.administrator, identity.second
