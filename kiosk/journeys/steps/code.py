"""A new card gets its code, and is proved by a real signature under it."""

import secrets
from functools import partial

from drivers.reader.model import Purpose
from drivers.reader.outcomes import Accepted, CodeOutcome, Role, Signed, SignOutcome, Unknown
from drivers.secret import Secret
from fleet.messages import kinds
from kiosk.journeys import code_views as views
from kiosk.journeys import tear_views
from kiosk.journeys.desk import Desk
from kiosk.journeys.scene import Scene
from kiosk.journeys.steps.authentication import authenticate_card
from kiosk.journeys.steps.unlocking import EFFECT, CodeSet, Envelope, set_code
from kiosk.ports import Ask, ErrandLog, Order, Visit

CHALLENGE_BYTES = 32
_PURPOSE: dict[Role, Purpose] = {Role.IDENTIFICATION: "identification", Role.SIGNATURE: "signature"}


async def activate(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, order: Order, visit: Visit
) -> tuple[CodeSet, Visit]:
    """See that the card is genuine, set the holder's code, test the card. Returns the code and the visit that holds the card now
    (another after a tear).

    Where the code was set in an errand that was left half way, the holder only proves it. Closes the visit where it
    raises: StopError, CardPulledError and what else `ask` raises.
    """
    authenticate = partial(authenticate_card, ask, desk, scene, log, order)
    letter = Envelope(order, partial(desk.envelopes.verify, order), authenticate)
    try:
        await authenticate(visit)
        known = await _known_code(ask, scene, visit) if EFFECT in await log.progress() else None
        while known is None:
            known, visit = await set_code(ask, desk, scene, log, letter, visit)
        await prove_card(ask, scene, log, visit, known.code)
        await log.note(kinds.CARD_ACTIVATED, card_number=order.card_number)
        return known, visit
    except BaseException:
        await visit.close()
        raise


async def _known_code(ask: Ask, scene: Scene, visit: Visit) -> CodeSet | None:
    """The code that was set before; None where it was forgotten or is not it: then the PUK sets another."""
    code = await ask(tear_views.code_from_before(scene))
    if isinstance(code, Secret) and isinstance(await visit.verify(Role.IDENTIFICATION, code), Accepted):
        return CodeSet(code)
    return None


async def prove_card(
    ask: Ask, scene: Scene, log: ErrandLog, visit: Visit, code: Secret, role: Role = Role.IDENTIFICATION
) -> None:
    """Prove the code and the card: a random challenge signed by its key, checked against certificate and chain.

    Raises StopError where the card does not do what its certificate says.
    """
    outcome = await ask(views.testing(scene), until=_sign_challenge(visit, code, role))
    certificate = visit.facts.certificate(_PURPOSE[role])
    if isinstance(outcome, Unknown):
        raise views.torn_in_test(scene)
    if not isinstance(outcome, Signed) or certificate is None or certificate.chain != "ok":
        await log.note(kinds.EFFECT_DONE, effect="card.test", outcome="failed")
        raise views.test_failed(scene)


async def _sign_challenge(visit: Visit, code: Secret, role: Role) -> SignOutcome | CodeOutcome:
    verified = await visit.verify(role, code)
    if not isinstance(verified, Accepted):
        return verified
    return await visit.sign(_PURPOSE[role], secrets.token_bytes(CHALLENGE_BYTES))
