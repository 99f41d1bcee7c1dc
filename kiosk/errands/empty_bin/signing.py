"""A statement signed by the card of somebody who has logged in: with the key for signatures, where the card has one."""

import base64
import hashlib
from typing import assert_never

from drivers.reader.outcomes import Locked, Refused, Role, Signed, SignOutcome, Unknown
from kiosk.errands.empty_bin import views
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import CardPulledError, Presence, Visit
from kiosk.steps.card import act_for_holder, ask_for_card, prove_code, wait_until_empty
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import administrator_views
from kiosk.steps.identity.administrator import administrator_reader, lit_reader


async def sign_statement(context: ErrandContext, signer: LoggedIn, message: bytes) -> dict[str, str]:
    """Let this administrator sign the statement. Return who signed, how, and the signature (base64), with the SHA-256
    of the certificate. Their card is out again then.

    Raises StopError where the card does not sign, CardPulledError where it went.
    """
    reader, which, fresh = administrator_reader(context.caps), lit_reader(context.caps), False
    while True:
        visit = await ask_for_card(
            context.ask, reader, lambda why: views.insert_signer(context, signer, why, which), fresh=fresh
        )
        assert not isinstance(visit, str)
        try:
            if act_for_holder(visit, signer.hsa_id).facts.holder.hsa_id == signer.hsa_id:
                made = await _sign(context, visit, message)
                break
        finally:
            await visit.close()
        await context.ask(views.other_signer(context, signer))
        fresh = True
    if await reader.presence() is not Presence.EMPTY:
        await context.ask(administrator_views.take(context, which), until=wait_until_empty(reader))
    return {
        "hsa_id": signer.hsa_id,
        "algorithm": made.algorithm,
        "signature": base64.b64encode(made.signature).decode(),
        "certificate_sha256": hashlib.sha256(made.certificate).hexdigest(),
    }


async def _sign(context: ErrandContext, visit: Visit, message: bytes) -> Signed:
    facts, watched = visit.facts, context.caps.administrator_reader is None
    signs = facts.certificate("signature") is not None
    role = Role.SIGNATURE if signs and facts.pin(Role.SIGNATURE) else Role.IDENTIFICATION
    await prove_code(context.ask, visit, role, administrator_views.code(context, facts, watched=watched))
    outcome: SignOutcome = await visit.sign("signature" if signs else "identification", message)
    match outcome:
        case Signed():
            return outcome
        case Unknown():
            raise CardPulledError
        case Locked() | Refused():
            raise context.stop("bin_not_signed")
        case other:
            assert_never(other)
