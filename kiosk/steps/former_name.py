"""A new card that bears its holder's name from before a name change: said before it is handed out, and the holder chooses.

Rules (docs/rules.md, "Hand-over and return"): the register says that the name has changed, and the card, or while it lies in its
slot the order, has another one. The same name is no former one, whatever the days say: a register may hear of a change late.
Nothing is said of a protected identity, nor where nobody can be asked.
"""

import re
from datetime import date, timedelta

from drivers.reader.model import Certificate
from kiosk.issuer.ports import DirectoryPerson, Found
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Order
from kiosk.steps import order_views as views
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import ASK_S, time_limit

NEW_NAME = timedelta(days=92)
"""So long after a name change the issuer blocks the card with the former name."""


async def renamed_holder(caps: Capabilities, order: Order, people: tuple[PersonProof, ...]) -> DirectoryPerson | None:
    """The order's holder, where the register says that their name has changed. `people`: in whose names it is asked."""
    if order.protected:
        return None
    try:
        async with time_limit(caps.clock, ASK_S):
            answer = await caps.directory.find(card_number=order.card_number, people=people)
    except TimeoutError:
        return None
    person = answer.person if isinstance(answer, Found) else None
    return None if person is None or person.protected or person.name_changed is None else person


async def accept_former_name(
    context: ErrandContext, holder: DirectoryPerson | None, name: str | None, certificate: Certificate | None = None
) -> bool:
    """Return whether the card bears a former name, and its holder takes it all the same. `name`: the order's; a
    certificate of the card tells better. Raises StopError where the holder does not take it."""
    today = context.caps.clock.now().astimezone().date()
    made = None if certificate is None else certificate.not_before.date()
    name = name if certificate is None else certificate.holder.name
    if holder is None or not name or not bears_former_name(holder, name, made, today):
        return False
    last = max(today, date.fromisoformat(str(holder.name_changed)) + NEW_NAME)
    if await context.ask(views.former_name(context, name, holder, last, needs_card=certificate is not None)) != "take":
        raise views.former_name_declined(context)
    return True


def bears_former_name(holder: DirectoryPerson, name: str, made: date | None, today: date) -> bool:
    """Return whether that name is the holder's from before. A card that was `made` after the change has another name
    only where neither is part of the other: registers differ in middle names."""
    changed = date.fromisoformat(str(holder.name_changed))
    on_card, now = _words(name), _words(holder.name or "")
    if changed > today or on_card == now:
        return False
    is_other = bool(now) and not (on_card <= now or now <= on_card)
    return is_other or (made is not None and made < changed)


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name.casefold()))
