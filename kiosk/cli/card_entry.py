"""Code entry of `kortkiosk card`: the reader's own keys where it has some, else a file or this terminal."""

import argparse
import sys

from drivers.reader.card_visit import CardVisit
from drivers.reader.model import Purpose
from drivers.reader.outcomes import CodeOutcome, Locked, RefusalReason, Refused, Role
from drivers.reader.program.codes import Codes, CodeSource
from drivers.reader.program.deferred_interrupt import run_to_end

Arguments = argparse.Namespace


def role_for(visit: CardVisit, purpose: Purpose) -> Role:
    """The code that guards the key of a purpose: the signature's own where the card has one."""
    own = purpose == "signature" and visit.facts.pin(Role.SIGNATURE) is not None
    return Role.SIGNATURE if own else Role.IDENTIFICATION


def is_entered_at_reader(arguments: Arguments, visit: CardVisit) -> bool:
    """Is the code typed at the reader? Where it has keys, unless a file with codes was named."""
    at_reader = visit.has_pad and arguments.codes_file is None
    if at_reader:
        print("Type the code at the reader.", file=sys.stderr)
    return at_reader


def refuse_last_try(arguments: Arguments, visit: CardVisit, role: Role) -> Locked | Refused | None:
    """The refusal of a locked code, or of a last try that was not asked for, told before anybody types the code. One that was
    locked in an earlier visit may be tried where that was asked for."""
    pin = visit.facts.pin(role)
    if pin is not None and pin.state == "locked" and not (pin.counted and arguments.use_last_try):
        return Locked()
    if pin is None or not pin.last_try or arguments.use_last_try:
        return None
    return Refused(RefusalReason.LAST_TRY, tries_left=pin.tries_left)


async def verify(arguments: Arguments, visit: CardVisit, codes: Codes, role: Role) -> CodeOutcome:
    """VERIFY, the code typed at the reader or taken from `codes`."""
    consented: bool = arguments.use_last_try
    if (kept := refuse_last_try(arguments, visit, role)) is not None:
        return kept
    if is_entered_at_reader(arguments, visit):
        return await run_to_end(visit.verify_at_pad(role, last_try_consented=consented))
    signature = role is Role.SIGNATURE
    code = codes.get("signature_pin", "Signature PIN") if signature else codes.get("pin", "PIN")
    return await run_to_end(visit.verify(role, code, last_try_consented=consented))


async def unblock_card(arguments: Arguments, visit: CardVisit, role: Role) -> CodeOutcome:
    """At the reader's keys where they can do it, else here."""
    lengths = visit.unblock_lengths_at_pad(role) if arguments.codes_file is None else None
    if lengths is not None:
        shortest, longest = lengths
        print(f"Type the PUK at the reader, then twice a new PIN of {shortest} to {longest} digits.", file=sys.stderr)
        outcome = await run_to_end(visit.unblock_at_pad(role))
        if not (isinstance(outcome, Refused) and outcome.reason is RefusalReason.NOT_AT_PAD):
            return outcome
    codes = CodeSource(arguments.codes_file)
    puk, new = codes.get("puk", "PUK"), codes.get("new_pin", "New PIN")
    return await run_to_end(visit.unblock(role, puk, new))
