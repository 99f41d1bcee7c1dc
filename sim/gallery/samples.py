"""One sample of every view that the station can show, made by the same functions that the errands use.

A test holds this list against the view modules, so a new view cannot be forgotten. People and numbers are made up.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from drivers.cabinet.port import SlotFault
from drivers.reader.model import CardFacts, Certificate, Holder, Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import Effect
from kiosk.errands.registry import ERRANDS
from kiosk.findings import Finding
from kiosk.issuer.ports import LoggedIn, SwitchOff
from kiosk.policy import PinPolicy
from kiosk.ports import Order
from kiosk.receipts import Person, Receipt, ReceiptFacts
from kiosk.region import general
from kiosk.station import home_views as home
from kiosk.station.journal import Interrupted
from kiosk.steps import aborted_views, order_views, receipt_views, slot_views
from kiosk.steps.hand_over import AGREE, CODE, CONTEXT, SLOT, WHO
from kiosk.steps.hand_over import RECEIPT as SIGN
from kiosk.steps.identity import card_status_views, identification_views, release_code_views
from kiosk.steps.identity.identification import Identified
from kiosk.steps.pin import after_tear_views
from kiosk.steps.pin import views as pin_views
from kiosk.views import View
from sim.gallery.admin_samples import admin_samples
from sim.gallery.bin_samples import bin_samples
from sim.gallery.blocking_samples import blocking_samples
from sim.gallery.information_samples import information_samples
from sim.gallery.own_samples import own_samples
from sim.gallery.renewal_samples import renewal_samples
from sim.gallery.service_samples import service_samples
from sim.gallery.stock_samples import stock_samples

NUMBER, OLD_NUMBER = "9999000020260005", "9999000010260005"
ADMINISTRATOR = LoggedIn("SE2321000999-1A13", "Maj Utlämningsdotter", "server")
ORDER = Order(
    order="2026-0005", hsa_id="SE2321000999-1A05", name="Alexandra Långtnamnsson-Exempelgren", protected=False,
    card_number=NUMBER, product="ordinary", loa=3, slot=14, last_day="2026-12-31",
)  # fmt: skip
PROTECTED = Order(
    order="2026-0006", hsa_id="SE2321000999-1A06", name=None, protected=True, card_number=NUMBER, product="ordinary",
    loa=3, slot=3, last_day="2026-12-31",
)  # fmt: skip
PAST = msgspec.structs.replace(ORDER, last_day="2026-11-20")
OWN = Identified("old_card", ORDER.hsa_id, 3, OLD_NUMBER)
ATTENDED = Identified("administrator", administrator=ADMINISTRATOR, document="passport")
POLICY = PinPolicy()
TIME = datetime(2026, 11, 25, 10, 46, tzinfo=UTC)
ISSUED, EXPIRES = TIME.replace(year=2024, month=3, day=31), TIME.replace(year=2029, month=3, day=31)
FACTS = ReceiptFacts(
    kind="pickup", time=TIME, station="lasarettet-a", place="Lasarettet, entré A", order=ORDER.order, card_number=NUMBER,
    holder=Person(ORDER.hsa_id, ORDER.name), identified_by="administrator",
    administrator=Person(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name), document_kind="passport", terms=order_views.TERMS,
)  # fmt: skip
RECEIPT = Receipt(FACTS, "7F3A-91C2-K8M4A", "card", b"{}", "KK1.a-made-up-statement-of-a-receipt." + "Made-Up-0" * 26)


def _card() -> CardFacts:
    certificate = Certificate(
        "45",
        "identification",
        "CN=Made Up",
        "CN=Exempel e-id CA",
        "01",
        ISSUED,
        EXPIRES,
        "identification",
        3,
        "ok",
        b"",
    )
    pin = Pin("01", "PIN", Role.IDENTIFICATION, 1, 3, "ok", 6, 8)
    return CardFacts(
        "reader", b"", "pkcs15", "virtual-b", "00", NUMBER, Holder("Made Up", ORDER.hsa_id), (pin,), (certificate,), b""
    )


def samples() -> Iterator[tuple[str, View[Any]]]:
    """(file name, view), in the order of the errand. Names repeat a view with what is different about it."""
    yield from _home()
    yield from _identify()
    yield from _order()
    yield from _slot()
    yield from _code()
    yield from _receipt()
    yield from own_samples(_card(), ORDER, RECEIPT)
    yield from blocking_samples(ORDER)
    yield from stock_samples(ORDER)
    yield from bin_samples()
    yield from information_samples()
    yield from service_samples(RECEIPT)
    yield from admin_samples(_card(), WHO, ORDER, ATTENDED)
    yield from renewal_samples(_card(), ORDER, RECEIPT)
    yield from _closing()


ON_THE_TILE = {"sv": "Gå till kontoret till och med på fredag.", "en": "Go to the office, today and until Friday"}


def _home() -> Iterator[tuple[str, View[Any]]]:
    line, found = general().block_line, [Interrupted("", "pickup", Effect.CARD_UNBLOCK, "1")]
    yield "home", home.view(line, [(one, None) for one in ERRANDS], (), forgotten=False)
    yield "home-alone", home.view(line, [(ERRANDS[0], None)], (), forgotten=False)
    yield "home-with-card", home.with_card(_card(), (), [(one, None) for one in ERRANDS])
    yield (
        "home-with-administrators-card",
        home.with_card(_card(), (), [(one, None) for one in ERRANDS], administers=True),
    )
    for code, errand in (("pin_locked", "unblock"), ("on_hold", "report_lost"), ("alike", None)):
        view = home.with_card(_card(), (Finding(code, errand),), [(one, None) for one in ERRANDS])
        yield f"home-with-{code.replace('_', '-')}", view
    yield "home-looking", home.looking()
    for strange in ("mute", "unknown", "busy"):
        yield f"home-strange-{strange}", home.strange(strange)
    yield (
        "home-unavailable",
        home.view(line, [(one, home.why_not("cabinet")) for one in ERRANDS], (), forgotten=False),
    )
    yield "home-interrupted", home.view(line, [(one, None) for one in ERRANDS], found, forgotten=False)
    for state in ("out_of_paper", "mute"):
        one = home.view(line, [(one, None) for one in ERRANDS], (), forgotten=False, printer=state)
        yield f"home-printer-{state.replace('_', '-')}", one
    own = home.why_not("switched_off", SwitchOff("errand", "", ON_THE_TILE))
    off = [(one, own if one.id in ("pickup", "unblock") else None) for one in ERRANDS]
    yield "home-switched-off", home.view(line, off, (), forgotten=False)
    closed = [(one, None if one.entry.while_closed else home.why_not("closed")) for one in ERRANDS]
    yield "home-closed", home.view(line, closed, (), forgotten=False, closed="repair")
    yield "home-forgotten", home.view(line, [(one, None) for one in ERRANDS], (), forgotten=True)


def _identify() -> Iterator[tuple[str, View[Any]]]:
    own = identification_views.own_code(WHO, _card())
    yield "who", identification_views.who(WHO)
    yield "who-released", identification_views.who(WHO, released=True)
    yield "release-number", release_code_views.number(WHO)
    yield "release-code", release_code_views.code(WHO)
    yield "release-checking", release_code_views.checking(WHO)
    yield "release-wrong", release_code_views.wrong(WHO)
    yield "release-too-many", release_code_views.too_many(WHO).view
    for strange in (None, "mute", "unknown", "busy"):
        yield f"insert-own-{strange or 'first'}", identification_views.insert_own(WHO, strange)
    yield "own-pin", own.entry
    yield "own-pin-wrong", own.wrong(1)
    yield "own-pin-last", own.last
    yield "own-pin-locked", own.locked.view
    yield "own-pin-kept", own.declined.view
    yield "take-own", identification_views.take_own(WHO)
    yield "own-card-expired", identification_views.own_card_not_valid(WHO, _certificate("expired")).view
    yield "own-card-untrusted", identification_views.own_card_not_valid(WHO, None).view
    yield "document", identification_views.document(WHO, ADMINISTRATOR)
    yield "document-digits", identification_views.document_digits(WHO, ADMINISTRATOR)
    yield "two-needed", identification_views.two_needed(WHO).view


def _certificate(chain: str) -> Certificate:
    return Certificate("45", "", "", "", "01", TIME, TIME, "identification", 3, chain, b"")  # type: ignore[arg-type]  # a sample


def _order() -> Iterator[tuple[str, View[Any]]]:
    yield "which", order_views.which(AGREE, [ORDER, PROTECTED, ORDER, PROTECTED], ADMINISTRATOR, more=True)
    yield "terms", order_views.terms(AGREE, ORDER, OWN, paper=True)
    yield "terms-protected", order_views.terms(AGREE, PROTECTED, ATTENDED, paper=False)
    yield "envelope", order_views.envelope_at_hand(AGREE, ORDER, OWN)
    yield "no-order", order_views.no_order(AGREE).view
    yield "list-too-old", order_views.list_too_old(AGREE).view
    yield "nothing-waits", order_views.nothing_waits(AGREE).view
    yield "level-too-low", order_views.level_too_low(AGREE, ORDER).view
    yield "offline", order_views.verifier_away(AGREE).view
    yield "no-envelope", order_views.no_envelope(AGREE).view


def _slot() -> Iterator[tuple[str, View[Any]]]:
    yield "take", slot_views.take(SLOT, ORDER, 24, ATTENDED)
    yield "take-protected", slot_views.take(SLOT, PROTECTED, 24, OWN)
    yield "put-back", slot_views.put_back(SLOT, ORDER)
    yield "put-back-unvouched", slot_views.put_back_unvouched(SLOT, ORDER)
    yield "put-back-false", slot_views.put_back_false(SLOT, ORDER)
    yield "printed", slot_views.printed_number(SLOT, OWN)
    yield "printed-differs", slot_views.printed_differs(SLOT, ORDER)
    yield "insert-new", slot_views.insert_new(SLOT, ORDER, OWN, None)
    yield "wrong-card", slot_views.wrong_card(SLOT, ORDER, OLD_NUMBER, own=True)
    yield "wrong-card-in-slot", slot_views.wrong_card_in_slot(SLOT).view
    yield "new-card-heard-codes", slot_views.new_card_heard_codes(SLOT).view
    yield "stocked-by-one", slot_views.stocked_by_one(SLOT).view
    for word in (
        *(card_status_views.own_card_stands(WHO, state) for state in ("held", "blocked", "waiting")),
        card_status_views.own_card_unknown(WHO), card_status_views.new_card_stands(WHO, "held"),
        card_status_views.new_card_stands(WHO, "blocked"), card_status_views.new_card_unknown(WHO),
        card_status_views.holder_is(WHO, "left"), card_status_views.holder_is(WHO, "unknown"),
    ):  # fmt: skip
        yield f"stands-{word.reason.replace('_', '-')}", word.view
    yield "new-card-not-genuine", slot_views.new_card_not_genuine(SLOT).view
    yield "slot-empty", slot_views.slot_empty(SLOT, ORDER).view
    yield "order-expired", order_views.expired(AGREE, PAST).view
    yield "no-cabinet", slot_views.no_cabinet(SLOT).view
    for fault in SlotFault:
        yield f"slot-{fault.value}", slot_views.slot_fault(SLOT, ORDER, fault).view
    yield "drop-old", slot_views.drop_old(SIGN, OLD_NUMBER)


def _code() -> Iterator[tuple[str, View[Any]]]:
    yield "puk", pin_views.puk(CODE, ORDER)
    yield "checking", pin_views.checking(CODE)
    yield "puk-wrong-many", pin_views.wrong_puk(CODE, ORDER, 7)
    yield "puk-wrong-card", pin_views.wrong_puk(CODE, ORDER, 4)
    yield "puk-wrong-server", pin_views.wrong_puk(CODE, ORDER, None)
    yield "verifier-silent", pin_views.verifier_silent(CODE)
    yield "new-pin", pin_views.new_code(CODE, POLICY, differed=False)
    yield "new-pin-differed", pin_views.new_code(CODE, POLICY, differed=True)
    yield "repeat-pin", pin_views.repeat_code(CODE, POLICY)
    yield "write", pin_views.write(CODE, ORDER)
    yield "writing", pin_views.writing(CODE)
    yield "testing", pin_views.testing(CODE)
    yield "pulled", after_tear_views.pulled(CODE, None)
    yield "check-code", after_tear_views.check_code(CODE)
    yield "code-from-before", after_tear_views.code_from_before(CODE)
    yield "not-written", after_tear_views.not_written(CODE)
    yield "mistyped", after_tear_views.mistyped(CODE, 2)
    yield "left-unknown", after_tear_views.left_unknown(CODE).view
    for name in (
        "puk_floor",
        "puk_locked",
        "too_many_guesses",
        "card_refused",
        "torn_in_test",
        "test_failed",
    ):
        yield name.replace("_", "-"), getattr(pin_views, name)(CODE).view


def _receipt() -> Iterator[tuple[str, View[Any]]]:
    signing = pin_views.sign_code(SIGN, POLICY)
    yield "receipt", receipt_views.read_and_sign(SIGN, FACTS, ADMINISTRATOR.name)
    yield "sign-pin", signing.entry
    yield "new-card-locked", signing.locked.view
    yield "sign-later", receipt_views.sign_later(SIGN).view
    yield "printing", receipt_views.printing(SIGN)
    for fault in ("out_of_paper", "cover_open", "cutter", "offline", "no_printer", "unclear"):
        yield f"no-paper-{fault}", receipt_views.no_paper(SIGN, RECEIPT, fault)
    yield "look-at-paper", receipt_views.look_at_paper(SIGN)
    yield "done", receipt_views.done(CONTEXT, RECEIPT)
    kept = replace(RECEIPT, facts=replace(RECEIPT.facts, remarks=(receipt_views.CODE_KEPT,)))
    yield "done-old-code", receipt_views.done(CONTEXT, kept)
    yield "on-phone", receipt_views.on_phone(SIGN, RECEIPT)


def _closing() -> Iterator[tuple[str, View[Any]]]:
    yield "pulled-safe", aborted_views.pulled(unknown=False)
    yield "pulled-unknown", aborted_views.pulled(unknown=True)
    for what in ("reader", "card", "store", "crash"):
        yield f"trouble-{what}", aborted_views.trouble(what)
    yield "logged-out", aborted_views.logged_out()
    yield "take-card", aborted_views.take_card("holder")
    yield "take-administrators-card", aborted_views.take_card("administrator")
