"""A card that cannot be read, or is not here: its number as it is printed, typed or scanned, and found in the register."""

from dataclasses import dataclass

from kiosk.issuer.ports import CardWord, Found, NotFound, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext, Subject
from kiosk.steps.identity import printed_number_views as views

TRIES = 3
"""Numbers that nobody knows, until the errand ends: nobody is to guess their way to a card."""


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """A card by its number. `whose.name` is None: it is never shown to somebody who has proved nothing."""

    whose: Subject
    register: CardWord | NotFound | Unavailable


async def ask_printed_number(
    context: ErrandContext, people: tuple[PersonProof, ...] = (), *, limited: bool = True
) -> PrintedCard:
    """Ask for the number until it is one of the register's, or nobody can be asked. Whose it is is told to `people` alone.

    Raises StopError after three that nobody knows, and, where `limited`, if so many cards were reported in this visit.
    """
    for _ in range(TRIES):
        number = await context.ask(views.number(context, context.caps.region.card_number_digits))
        register = await context.ask(views.looking_up(context), until=context.caps.directory.state(number))
        assert not isinstance(register, str), "a view without buttons has no answer"
        if not isinstance(register, NotFound):
            if limited and not people and not context.caps.reports.allow(context.caps.clock.monotonic()):
                raise context.stop("too_many_reports", icon="alert-outline")
            whose = Subject(number, await _holder(context.caps, number, people), None)
            await context.log.about_card(whose.card_number, whose.hsa_id)
            return PrintedCard(whose, register)
        await context.ask(views.not_known(context, number))
    raise context.stop("no_such_card")


async def _holder(caps: Capabilities, number: str, people: tuple[PersonProof, ...]) -> str:
    """The holder's HSA-id; empty where nobody has shown that they may know it."""
    if not people or not all(person.by_server for person in people):
        return ""
    register = await caps.directory.find(card_number=number, people=people)
    record = register.card(number) if isinstance(register, Found) else None
    return record.hsa_id if record else ""
