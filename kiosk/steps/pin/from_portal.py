"""Hand-carried challenge and response: the issuer's portal is a web page for people, and whoever attends is its only channel.

Rules: between challenge and response nothing is sent to the card; a response goes out only in its full length and once it was
compared; each wrong one used a try of the card's key, so none goes out again by itself. It is neither spoken nor logged.

>>> text = challenge_text(bytes.fromhex("00a1b2c3d4e5f607"), "hexadecimal"); text
'00A1B2C3D4E5F607'
>>> parse_response(text, "hexadecimal", 8).hex()
'00a1b2c3d4e5f607'
>>> challenge_text(bytes(7) + b"*", "decimal"), parse_response("9" * 20, "decimal", 8)
('00000000000000000042', None)
"""

from dataclasses import dataclass, field

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.keys import ChallengeDigits, KeyChallenge
from drivers.reader.outcomes import AdminOutcome, Role
from drivers.reader.port import AdministeredVisit
from drivers.reader.secret import Secret
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.pin import from_portal_views as views
from kiosk.steps.pin.unlocking import NotSent


@dataclass(frozen=True, slots=True)
class CarriedResponse:
    """A response that was typed and compared. `answers_left`: so many still go to the card, this one among them."""

    response: bytes = field(repr=False)
    answers_left: int


class NothingInPortal:
    """The portal gives no response for this card."""


async def carry_challenge(
    context: ErrandContext, whose: CardHolder, visit: AdministeredVisit, role: Role, new: Secret
) -> CarriedResponse | NothingInPortal | AdminOutcome | NotSent | str:
    """A new challenge of the card, carried to the portal, and the response typed here. An outcome where the card gives none."""
    answer = await context.ask(views.asking_card(context), until=_request(visit, role, new))
    if not isinstance(answer, KeyChallenge):
        return answer
    digits, is_wrong_form = visit.facts.rules.challenge_digits, False
    shown = challenge_text(answer.challenge, digits)
    while True:
        if await context.ask(views.challenge(context, whose, shown)) == "nothing":
            return NothingInPortal()
        typed = await context.ask(views.response(context, len(shown), digits, again=is_wrong_form))
        response = parse_response(typed, digits, len(answer.challenge))
        is_wrong_form = response is None and typed != "back"
        if response is None:
            continue
        if await context.ask(views.compare(context, typed, answer.answers_left)) == "send":
            return CarriedResponse(response, answer.answers_left)


async def _request(visit: AdministeredVisit, role: Role, new: Secret) -> KeyChallenge | AdminOutcome | NotSent:
    try:
        return await visit.request_challenge(role, new)
    except (CardGoneError, CardChangedError):
        return NotSent()


def challenge_text(challenge: bytes, digits: ChallengeDigits) -> str:
    """A challenge as people type it: of the same length as its response."""
    if digits == "hexadecimal":
        return challenge.hex().upper()
    return str(int.from_bytes(challenge, "big")).zfill(len(str(256 ** len(challenge) - 1)))


def parse_response(typed: str, digits: ChallengeDigits, length: int) -> bytes | None:
    """The `length` bytes of what was typed; None for what is no such response."""
    if len(typed) != len(challenge_text(bytes(length), digits)) or not typed.isalnum():
        return None
    try:
        return int(typed, 16 if digits == "hexadecimal" else 10).to_bytes(length, "big")
    except (ValueError, OverflowError):
        return None
