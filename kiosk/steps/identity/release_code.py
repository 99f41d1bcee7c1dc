"""The release code from the letter, for LoA2 only: which card it is, and the code, judged by the server's verifier alone.

A number that nobody waits for and a wrong code get the same answer, and the same number of tries.
"""

from drivers.secret import Secret
from kiosk.ports import Ask, EnvelopeVerdict, Order
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene
from kiosk.steps.identity import release_code_views as views

LOA = 2
TRIES = 5
"""So many rounds in one errand, whatever the number; the verifier counts by letter and station."""


async def may_be_released(desk: Desk) -> bool:
    """Whether a card waits here that a release code is enough for."""
    return any(order.loa == LOA for order in await desk.orders.waiting())


async def released_order(ask: Ask, desk: Desk, scene: Scene) -> Order:
    """The order whose letter the person has. Raises StopError where it is none, or nobody can judge it."""
    for _ in range(TRIES):
        number = await ask(views.number(scene))
        code = await ask(views.code(scene))
        assert isinstance(code, Secret), "the only other way out of a code question is to cancel"
        order = await _order_of(desk, number)
        judged = _nobody(desk) if order is None else desk.envelopes.release(order, code)
        match EnvelopeVerdict(await ask(views.checking(scene), until=judged)):
            case EnvelopeVerdict.MATCH if order is not None:
                return order
            case EnvelopeVerdict.TOO_MANY:
                break
            case EnvelopeVerdict.UNAVAILABLE | EnvelopeVerdict.CARD_DECIDES:
                raise views.verifier_away(scene)
            case _:
                await ask(views.wrong(scene))
    raise views.too_many(scene)


async def _order_of(desk: Desk, number: str) -> Order | None:
    """The order of that level whose card number ends so; None also where two do."""
    found = [o for o in await desk.orders.waiting() if o.loa == LOA and o.card_number.endswith(number[-views.DIGITS :])]
    return found[0] if len(found) == 1 else None


async def _nobody(desk: Desk) -> EnvelopeVerdict:
    """What is said of a number that nobody waits for: the same as of a wrong code."""
    return EnvelopeVerdict.NO_MATCH if await desk.envelopes.available() else EnvelopeVerdict.UNAVAILABLE
