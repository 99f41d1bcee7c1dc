"""The release code from the letter, for LoA2 only: which card it is, and the code, judged by the server's verifier alone.

A number that nobody waits for and a wrong code get the same answer, and the same number of tries.
"""

from drivers.reader.secret import Secret
from kiosk.ports import EnvelopeVerdict, Order
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import release_code_views as views

LOA = 2
TRIES = 5
"""So many rounds in one errand, whatever the number; the verifier counts by letter and station."""


async def has_order_for_release(caps: Capabilities) -> bool:
    """Return whether a card waits here that a release code is enough for."""
    return any(order.loa == LOA for order in await caps.orders.waiting())


async def ask_release_code(context: ErrandContext) -> Order:
    """The order whose letter the person has. Raises StopError where it is none, or nobody can judge it."""
    for _ in range(TRIES):
        number = await context.ask(views.number(context))
        code = await context.ask(views.code(context))
        assert isinstance(code, Secret), "the only other way out of a code question is to cancel"
        order = await _order_of(context.caps, number)
        judged = _nobody(context.caps) if order is None else context.caps.envelopes.release(order, code)
        match EnvelopeVerdict(await context.ask(views.checking(context), until=judged)):
            case EnvelopeVerdict.MATCH if order is not None:
                return order
            case EnvelopeVerdict.TOO_MANY:
                break
            case EnvelopeVerdict.UNAVAILABLE | EnvelopeVerdict.CARD_DECIDES:
                raise context.stop("offline", icon="cloud-off-outline")
            case _:
                await context.ask(views.wrong(context))
    raise context.stop("too_many_releases", icon="lock-alert-outline")


async def _order_of(caps: Capabilities, number: str) -> Order | None:
    """The order of that level whose card number ends so; None also where two do."""
    matches = [
        o for o in await caps.orders.waiting() if o.loa == LOA and o.card_number.endswith(number[-views.DIGITS :])
    ]
    return matches[0] if len(matches) == 1 else None


async def _nobody(caps: Capabilities) -> EnvelopeVerdict:
    """Return the verdict on a number that nobody waits for: the same as of a wrong code."""
    return EnvelopeVerdict.NO_MATCH if await caps.envelopes.available() else EnvelopeVerdict.UNAVAILABLE
