"""Actions of `kortkiosk card` on the card in a reader. Options, rules and exit codes: `kiosk.cli.card_parser`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import assert_never

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.card_reader import CardReader, CardVisit, try_card, utc_now, visiting
from drivers.reader.card_state import CardAbsent, CardMute, CardSwapped, CardUnreadable, state_of_fault
from drivers.reader.errors import LedgerError, ReaderError
from drivers.reader.model import Certificate, Purpose
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    Locked,
    RefusalReason,
    Refused,
    Role,
    SignOutcome,
    Unknown,
)
from drivers.reader.port import Backend, Presence
from drivers.reader.program.codes import Codes, CodesError, CodeSource
from drivers.reader.program.deferred_interrupt import LEFT_OPEN, InterruptedCodeError, run_to_end
from drivers.reader.system import state_directory
from drivers.reader.transport.pcsc import PcscBackend
from fleet.messages.vocabulary import Outcome
from kiosk.cli import Exit
from kiosk.cli import card_output as output
from kiosk.cli.card_entry import is_entered_at_reader, refuse_last_try, role_for, unblock_card, verify
from kiosk.cli.card_parser import failed, say
from kiosk.cli.card_settings import CardTools, InputError, card_tools
from kiosk.findings import CardEvidence, actionable_findings

Arguments = argparse.Namespace
Action = Callable[[Arguments, CardVisit], Awaitable[int]]
CLEARED = "cleared-tries.jsonl"
"""A line for each time that a count was begun anew, and why."""
WANTED = {"secure_messaging": "secure messaging (ISO/IEC 7816-4 10)", "pace": "PACE (BSI TR-03110)"}
"""What a card may want before it shows its files."""
_TEST_PURPOSES: tuple[Purpose, ...] = ("signature", "identification")
"""The signature comes right after the code: some keys want it just before each use (SP 800-73-4 part 1, table 4b)."""


def run_action(arguments: Arguments) -> int:
    """Find the reader, visit its card, do it. Gives the exit code."""
    try:
        return asyncio.run(_visit_and_do(arguments, PcscBackend()))
    except (InputError, CodesError) as fault:
        return failed(arguments, Exit.BAD_INPUT, fault)
    except ReaderError as fault:
        return not_read(arguments, fault)


async def _visit_and_do(arguments: Arguments, backend: Backend) -> int:
    return await visit_and_do(arguments, backend, named_tools(arguments))


def named_tools(arguments: Arguments) -> CardTools:
    """Return the tools that the options name, and tell of each profile that is refused. Raises InputError."""
    toolset = card_tools(arguments)
    for refusal in toolset.refused:
        print(f"kortkiosk card: profile refused: {refusal}", file=sys.stderr)
    return toolset


async def visit_and_do(arguments: Arguments, backend: Backend, toolset: CardTools) -> int:
    """Visit the card and do what `arguments.action` names. Raises InputError, CodesError, ReaderError."""
    arguments.toolset = toolset
    reader = CardReader(backend, choose_reader(backend, arguments.reader), toolset.settings)
    try:
        async with visiting(reader) as visit:
            try:
                await visit.read_rest()
                return await ACTIONS[arguments.action](arguments, visit)
            except InterruptedCodeError as cut:
                return _told_interrupted(arguments, visit, cut.outcome)
    finally:
        await reader.close()


def choose_reader(backend: Backend, reader_name: str | None) -> str:
    """The reader that was named, else the one that holds a card. Raises InputError, NoReaderError."""
    names = backend.readers()
    if reader_name is not None:
        if reader_name in names:
            return reader_name
        raise InputError(f"no reader is called {reader_name!r}; there are: {', '.join(names) or 'none'}")
    with_card = [name for name in names if backend.look(name).presence in (Presence.PRESENT, Presence.MUTE)]
    if len(with_card) > 1:
        raise InputError(f"name one with --reader; these hold a card: {', '.join(with_card)}")
    if not names:
        raise ReaderError("there are no readers")
    return (with_card or list(names))[0]


async def _show(arguments: Arguments, visit: CardVisit) -> int:
    findings = actionable_findings(CardEvidence(visit.facts, utc_now()))
    document = output.facts_json(visit.facts, visit.exchange, findings)
    say(arguments, document, output.facts_lines(visit.facts, findings))
    return Exit.DONE


async def _certificates(arguments: Arguments, visit: CardVisit) -> int:
    certificates = (await visit.complete()).certificates
    pems = [_pem(certificate) for certificate in certificates]
    listed = [
        output.certificate_json(certificate)
        | {"revocation": certificate.revocation}
        | ({"pem": pem} if arguments.pem else {})
        for certificate, pem in zip(certificates, pems, strict=True)
    ]
    findings = actionable_findings(CardEvidence(visit.facts, utc_now()))
    document = {"reader": visit.facts.reader, "certificates": listed, "findings": output.findings_json(findings),
                "not_fetched": arguments.toolset.faults}  # fmt: skip
    lines = [*output.chain_lines(certificates, utc_now()), *(f"! {f.text}" for f in findings),
             *(f"? {fault}" for fault in arguments.toolset.faults)]  # fmt: skip
    say(arguments, document, pems if arguments.pem else lines)
    return Exit.DONE


def _pem(certificate: Certificate) -> str:
    """PEM (RFC 7468), or a line that says why not: a personal identity number leaves no reader (reliability I15)."""
    if certificate.personal:
        return f"# certificate {certificate.id} holds a personal identity number and is left out"
    return x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM).decode()


async def _test(arguments: Arguments, visit: CardVisit) -> int:
    codes: Codes = getattr(arguments, "codes", None) or CodeSource(arguments.codes_file)
    facts = visit.facts
    results: list[output.Json] = []
    lines: list[str] = []
    worst = int(Exit.DONE)
    proved: set[Role] = set()
    verified: CodeOutcome = Refused(RefusalReason.NOT_ALLOWED)
    for purpose in _TEST_PURPOSES:
        if facts.certificate(purpose) is None:
            continue
        role = role_for(visit, purpose)
        if (guard := facts.pin(role)) is not None and guard.must_change:  # told before anybody types the code
            return _print_outcome(arguments, visit, Refused(RefusalReason.CHANGE_FIRST), "")
        if role not in proved:
            verified = await verify(arguments, visit, codes, role)
            proved.add(role)
        if not isinstance(verified, Accepted):
            return _print_outcome(arguments, visit, verified, "")
        test = await try_card(visit, purpose)
        results.insert(0, {"purpose": purpose, "passed": test.passed, "verified": test.verified,
                           "chain": test.chain, **output.outcome_json(test.outcome)})  # fmt: skip
        done = f"signed and checked, chain {test.chain}"
        lines.insert(0, f"{purpose}: {output.outcome_text(test.outcome, done)}")
        worst = max(worst, _exit_of(test.outcome), Exit.DONE if test.passed else Exit.REFUSED)
    if not results:
        refused = Refused(RefusalReason.NOT_ALLOWED)
        say(arguments, _document(visit, refused), ["Not done: no certificate on the card has a key to test."])
        return Exit.REFUSED
    document = {"reader": facts.reader, "card_number": facts.card_number, "tests": results,
                "passed": worst == Exit.DONE, "exchange": output.exchange_json(visit.exchange)}  # fmt: skip
    say(arguments, document, lines)
    return worst


async def _change_pin(arguments: Arguments, visit: CardVisit) -> int:
    codes, role = CodeSource(arguments.codes_file), Role(arguments.role)
    if visit.facts.rules.read_only:  # told before anybody types a code
        return _print_outcome(arguments, visit, Refused(RefusalReason.NOT_PROVED), "")
    if (kept := refuse_last_try(arguments, visit, role)) is not None:
        return _print_outcome(arguments, visit, kept, "")
    if is_entered_at_reader(arguments, visit):
        outcome = await run_to_end(visit.change_at_pad(role, last_try_consented=arguments.use_last_try))
        return _print_outcome(arguments, visit, outcome, "The PIN is changed.")
    signature = role is Role.SIGNATURE and visit.facts.pin(role) is not None
    old = codes.get("signature_pin", "Signature PIN") if signature else codes.get("pin", "PIN")
    new = codes.get("new_pin", "New PIN")
    outcome = await run_to_end(visit.change(role, old, new, last_try_consented=arguments.use_last_try))
    return _print_outcome(arguments, visit, outcome, "The PIN is changed.")


async def _unblock(arguments: Arguments, visit: CardVisit) -> int:
    profile = arguments.toolset.settings.profiles.match_name(visit.facts.profile)
    puk = visit.facts.pin(Role.PUK)
    if visit.facts.rules.read_only:
        return _print_outcome(arguments, visit, Refused(RefusalReason.NOT_PROVED), "")
    if profile.unblocking.by not in ("holder", "printed"):  # who is at a desk reads the card
        return _print_outcome(arguments, visit, Refused(RefusalReason.NOT_ALLOWED), "")
    if puk is not None and (puk.below_floor or puk.state == "locked"):  # told before anybody types it
        below_floor = Refused(RefusalReason.BELOW_FLOOR, tries_left=puk.tries_left)
        return _print_outcome(arguments, visit, Locked() if puk.state == "locked" else below_floor, "")
    outcome = await unblock_card(arguments, visit, Role(arguments.role))
    kept = isinstance(outcome, Accepted) and not outcome.new_code_set
    done = "The PIN is unlocked; it is still the old one." if kept else "The PIN is unlocked and set anew."
    return _print_outcome(arguments, visit, outcome, done)


async def _clear_tries(arguments: Arguments, visit: CardVisit) -> int:
    """The program's own count, begun anew; the reason is put down first. Raises LedgerError."""
    facts = visit.facts
    entry = {"at": utc_now().isoformat(), "card_number": facts.card_number, "serial": facts.serial,
             "reason": arguments.reason}  # fmt: skip
    try:
        state_directory().mkdir(parents=True, exist_ok=True, mode=0o700)
        with (state_directory() / CLEARED).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    except OSError as reason:
        raise LedgerError(f"the reason cannot be put down: {reason.strerror}") from reason
    cleared = await visit.clear_tries()
    text = "Counted from the beginning." if cleared else "Nothing was counted for this card."
    say(arguments, {"reader": facts.reader, "card_number": facts.card_number, "cleared": cleared}, [text])
    return Exit.DONE


def _print_outcome(arguments: Arguments, visit: CardVisit, outcome: CodeOutcome | SignOutcome, done: str) -> int:
    lines = [output.outcome_text(outcome, done)]
    match outcome:
        case Locked() if _remembered(arguments, visit):
            lines.append("So the card said before. If it was unlocked elsewhere since, say --use-last-try.")
        case Refused(RefusalReason.POLICY):
            lines.append(output.lengths_line(visit.facts.pins))
        case Refused(RefusalReason.NOT_ALLOWED):
            lines.append(
                f"It is of profile {visit.facts.profile}; docs/profiles.md says how one is made for a product."
            )
        case _:
            pass
    say(arguments, _document(visit, outcome), lines)
    return _exit_of(outcome)


def _remembered(arguments: Arguments, visit: CardVisit) -> bool:
    """Return whether a PIN is called locked by what the card said earlier, and the person may try it all the same."""
    pins = [pin for pin in visit.facts.pins if pin.role is not Role.PUK]
    remembered = any(pin.counted and pin.state == "locked" for pin in pins)
    return remembered and not getattr(arguments, "use_last_try", True)


def _document(visit: CardVisit, outcome: CodeOutcome | SignOutcome) -> output.Json:
    facts = visit.facts
    return {"reader": facts.reader, "card_number": facts.card_number, **output.outcome_json(outcome),
            "exchange": output.exchange_json(visit.exchange)}  # fmt: skip


def _told_interrupted(arguments: Arguments, visit: CardVisit, outcome: CodeOutcome) -> int:
    """Tell the outcome of the code that the card had when ^C came: done, not done, or not known."""
    unknown = isinstance(outcome, Unknown)
    text = LEFT_OPEN if unknown else f"Interrupted. {output.outcome_text(outcome, 'It was done all the same.')}"
    say(arguments, _document(visit, outcome), [text])
    return Exit.INTERRUPTED


def _exit_of(outcome: CodeOutcome | SignOutcome) -> int:
    match output.outcome_json(outcome)["outcome"]:
        case Outcome.ACCEPTED:
            return Exit.DONE
        case Outcome.UNKNOWN:
            return Exit.FAULT
        case _:
            return Exit.REFUSED


def not_read(arguments: Arguments, fault: ReaderError) -> int:
    """A stranger is shown with the keys of every card, so that whoever reads them need not know two forms."""
    match state_of_fault(fault):
        case CardUnreadable() as stranger if stranger.atr:
            lines = [f"{fault}", f"ATR    {stranger.atr.hex().upper()}", f"Tried  {', '.join(stranger.tried)}"]
            wants = [f"Wants  {WANTED[stranger.why]}, which this program does not do"] if stranger.why else []
            say(arguments, output.unknown_json(fault.reader, stranger), [*lines, *wants])
            return Exit.REFUSED
        case CardUnreadable() | CardAbsent() | CardMute() | CardSwapped() | None:
            return failed(arguments, Exit.FAULT, fault)
        case other:
            assert_never(other)


ACTIONS: dict[str, Action] = {
    "show": _show,
    "test": _test,
    "change-pin": _change_pin,
    "unblock": _unblock,
    "clear-tries": _clear_tries,
    "certificates": _certificates,
}
