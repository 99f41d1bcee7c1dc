"""The receipt: read, signed by the holder's card where it has a signature key, kept, then printed or shown.

Once issued it is never issued again for the same errand: a print that failed is repeated with the same number.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from drivers.printer.port import NotLaidOut, NotPrinted, Printed, PrintOutcome, PrintUnknown
from drivers.reader.outcomes import Locked, Refused, Role, Signed, Unknown
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.issuer.ports import LoggedIn
from kiosk.issuer.proof_ports import PersonProof
from kiosk.policy import PinPolicy
from kiosk.ports import Ended, Order, Pledge, Presence, Visit
from kiosk.receipts import (
    CardSignature,
    Draft,
    Receipt,
    ReceiptDetail,
    ReceiptFacts,
    ReceiptPerson,
    draft_receipt,
    finish_receipt,
    receipt_document,
)
from kiosk.steps import own_card_views
from kiosk.steps import receipt_views as views
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import prove_code
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.handed_over import pledge_hand_over
from kiosk.steps.identity.identification import Identification
from kiosk.steps.order_views import TERMS
from kiosk.steps.pin.card_test_views import Untested
from kiosk.steps.pin.unlocking import CodeSet
from kiosk.steps.pin.views import sign_code, torn_in_test
from kiosk.views import Say


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt of a hand-over. `paper`: its holder wants it on paper, and later, has it there."""

    receipt: Receipt
    paper: bool = True


async def issue_receipt(
    context: ErrandContext, order: Order, identity: Identification, visit: Visit, code: CodeSet
) -> SignedReceipt:
    """Show the receipt of a hand-over, have it signed, and commit it with its event. The code of the card was proved just before,
    and who stands behind the hand-over with it.

    A holder who signs later stops here: the order stays open, and the errand goes on from this point another day.
    """
    assert context.caps.seal is not None, "a station without identity has no orders"
    facts = receipt_facts(context, order, identity, order=order.order, terms=TERMS, remarks=code.remarks)
    unsigned = draft_receipt(facts)
    attended = identity.administrator.name if identity.administrator else None
    proved = context.caps.region.sign_with_proved_code and _signs_at_once(visit)
    resting = views.cards_stay(await _administrator_stays(context.caps)) if facts.kind == "activate" else None
    reading = views.read_and_sign(
        context, facts, attended, resting, code=not proved, paper=context.caps.printer is not None
    )
    if (answer := await context.ask(reading)) == "later":
        raise context.stop("unsigned", ErrandOutcome.CANCELLED)
    signature = await _sign(context, visit, unsigned, proved=proved)
    receipt = finish_receipt(
        unsigned, context.caps.seal.key, context.caps.seal.chain, signature, context.caps.seal.receipt_url
    )
    await context.log.issued(receipt, pledge=pledge_hand_over(context, order, identity, code.people, receipt))
    return SignedReceipt(receipt, paper=answer == "sign")


async def _administrator_stays(caps: Capabilities) -> bool:
    """Return whether a card is still in the second reader."""
    second = caps.administrator_reader
    return second is not None and await second.presence() is not Presence.EMPTY


async def issue_station_receipt(
    context: ErrandContext, facts: ReceiptFacts, handed_over: Callable[[Receipt], Pledge | None] = lambda _: None
) -> Receipt:
    """A receipt that the station alone signs: of what it has done itself. Committed with its event, and with what is told of a
    hand-over."""
    assert context.caps.seal is not None, "a station without identity attests nothing"
    receipt = finish_receipt(
        draft_receipt(facts), context.caps.seal.key, context.caps.seal.chain, None, context.caps.seal.receipt_url
    )
    await context.log.issued(receipt, pledge=handed_over(receipt))
    return receipt


def receipt_facts(
    context: ErrandContext,
    whose: CardHolder,
    identity: Identification,
    **more: str | tuple[str, ...] | None,
) -> ReceiptFacts:
    """Return the facts of this errand for a receipt. `more`: `order`, `terms`, `remarks` (codes, see
    `receipt.remark.*`)."""
    assert context.caps.seal is not None, "a station without identity attests nothing"
    administrator = identity.administrator
    facts = ReceiptFacts(
        kind=context.errand,
        time=context.caps.clock.now(),
        station=context.caps.seal.station,
        place=context.caps.seal.title,
        order=None,
        card_number=whose.card_number,
        holder=ReceiptPerson(whose.hsa_id, whose.name),
        identified_by=identity.by,
        administrator=ReceiptPerson(administrator.hsa_id, administrator.name) if administrator else None,
        document_kind=identity.document,
        terms="",
    )
    return replace(facts, **more)  # type: ignore[arg-type]  # the names are those of the fields


def _signs_at_once(visit: Visit) -> bool:
    """Return whether the identification code, which was proved in this visit, opens the signature key too, and goes on
    doing so."""
    return visit.facts.pin(Role.SIGNATURE) is None and not visit.wants_code_each_time("signature")


async def _sign(context: ErrandContext, visit: Visit, unsigned: Draft, *, proved: bool) -> CardSignature | None:
    """The holder's signature over the receipt, or None where the card has no signature key (then it is attested). `proved`: no
    code is asked for, unless the card wants one after all."""
    certificate = visit.facts.certificate("signature")
    if certificate is None:
        return None
    message = unsigned.signing_input(certificate.der)
    outcome = await visit.sign("signature", message) if proved else None
    if outcome is None or isinstance(outcome, Refused):
        role = Role.SIGNATURE if visit.facts.pin(Role.SIGNATURE) else Role.IDENTIFICATION
        pin = visit.facts.pin(role)
        policy = PinPolicy(pin.entry_min_length, pin.max_length) if pin else PinPolicy()
        await prove_code(context.ask, visit, role, sign_code(context, policy))
        outcome = await visit.sign("signature", message)
    match outcome:
        case Signed():
            return CardSignature(outcome.signature, outcome.algorithm, outcome.certificate)
        case Unknown():
            raise torn_in_test(context)
        case Locked() | Refused():
            return None
        case other:
            assert_never(other)


async def hand_out_receipt(context: ErrandContext, receipt: Receipt) -> Literal["paper", "phone"]:
    """Print the receipt, or offer it on the screen; returns where it is. The errand is done whatever the printer does."""
    if context.caps.printer is None:
        await context.ask(views.no_paper(context, receipt, views.NO_PRINTER))
        return "phone"
    document = receipt_document(receipt.facts, context.caps.print_text, receipt.qr, receipt.number)
    while True:
        printing = context.log.effect(
            Effect.RECEIPT_PRINT, context.caps.printer.print(document), receipt=receipt.number
        )
        outcome: PrintOutcome | str = await context.ask(views.printing(context), until=printing)
        if isinstance(outcome, Printed):
            return "paper"
        if isinstance(outcome, NotLaidOut):
            await context.ask(views.no_paper(context, receipt, views.NOT_LAID_OUT))
            return "phone"
        if isinstance(outcome, NotPrinted):
            if await context.ask(views.no_paper(context, receipt, views.fault_name(outcome.status))) != "print":
                return "phone"
        elif isinstance(outcome, PrintUnknown):
            whole = await context.ask(views.look_at_paper(context)) == "yes"
            await context.log.settled(Effect.RECEIPT_PRINT, Outcome.PRINTED if whole else Outcome.NOT_PRINTED)
            if whole:
                return "paper"
            if await context.ask(views.no_paper(context, receipt, views.UNCLEAR)) != "print":
                return "phone"


async def print_receipt(context: ErrandContext, signed: SignedReceipt) -> SignedReceipt:
    """Print it where its holder wants that; the same, with whether it lies in the printer."""
    if not signed.paper:
        return signed
    return replace(signed, paper=await hand_out_receipt(context, signed.receipt) == "paper")


async def can_mail(caps: Capabilities, receipt: Receipt) -> bool:
    """Return whether its holder may have it by e-mail: the region says so, the holder has shown who they are and has no
    protected identity, and the server has an address, which it keeps."""
    facts = receipt.facts
    if not caps.region.receipts.mail or facts.identified_by == "number" or facts.holder.name is None:
        return False
    return await caps.directory.can_mail(facts.holder.hsa_id)


async def give_receipt(context: ErrandContext, receipt: Receipt) -> views.ReceiptWay:
    """As the holder chooses, where it can be mailed; else printed, or offered on the screen. Returns where it is."""
    if await can_mail(context.caps, receipt):
        return await choose_receipt(context, receipt, paper=context.caps.printer is not None)
    return await hand_out_receipt(context, receipt)


async def choose_receipt(context: ErrandContext, receipt: Receipt, *, paper: bool) -> views.ReceiptWay:
    """On paper (where `paper` says so), by e-mail, on the phone, or not at all; returns where it is. The wish for e-mail is
    committed before it is told."""
    match await context.ask(views.choose_way(context, paper=paper)):
        case "paper":
            return await hand_out_receipt(context, receipt)
        case "mail":
            await context.log.note(EventType.RECEIPT_MAIL_WANTED, number=receipt.number, statement=receipt.statement)
            await context.ask(views.mailed(context))
            return "mail"
        case "phone":
            await context.ask(views.on_phone(context, receipt))
            return "phone"
    return "nothing"


async def receipt_for(
    context: ErrandContext,
    whose: CardHolder,
    identity: Identification,
    remarks: tuple[str, ...] = (),
    untested: Untested | None = None,
    order: Order | None = None,
    people: tuple[PersonProof, ...] = (),
) -> Receipt | None:
    """A receipt of what was done, committed; None where the station has no identity to sign with, or where the card alone says
    whose it is and was not tested: that is nobody's word. `people`: who stands behind the hand-over of that order's card."""
    if context.caps.seal is None or (untested is not None and identity.administrator is None):
        return None
    facts = receipt_facts(context, whose, identity, order=order.order if order else None, remarks=remarks)
    if order is None:
        return await issue_station_receipt(context, facts)
    return await issue_station_receipt(
        context, facts, lambda receipt: pledge_hand_over(context, order, identity, people, receipt)
    )


async def say_done(
    context: ErrandContext, receipt: Receipt | None, title: Say, lead: tuple[Say, ...], untested: Untested | None = None
) -> Ended:
    """Commit that the errand is done, then say so, for as long as somebody still wants the receipt. `untested`: why nothing
    shows that the card works."""
    ended = await context.end(untested or "", receipt=receipt)
    end = own_card_views.done(context, title, lead, receipt, tested=untested is None)
    while await context.ask(end) == "receipt" and receipt is not None:
        if context.caps.printer is None and not await can_mail(context.caps, receipt):
            await context.ask(views.on_phone(context, receipt))
        else:
            await give_receipt(context, receipt)
    return ended


def work_receipt_facts(
    context: ErrandContext,
    by: LoggedIn,
    second: LoggedIn | None = None,
    *,
    details: tuple[ReceiptDetail, ...],
    remarks: tuple[str, ...] = (),
) -> ReceiptFacts:
    """The facts of a receipt that is about no single card."""
    assert context.caps.seal is not None, "a station without identity attests nothing"
    return ReceiptFacts(
        kind=context.errand,
        time=context.caps.clock.now(),
        station=context.caps.seal.station,
        place=context.caps.seal.title,
        order=None,
        card_number="",
        holder=ReceiptPerson(by.hsa_id, by.name),
        identified_by="administrator",
        administrator=ReceiptPerson(second.hsa_id, second.name) if second is not None else None,
        document_kind=None,
        terms="",
        remarks=remarks,
        details=details,
    )
