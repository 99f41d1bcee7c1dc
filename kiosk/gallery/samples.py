"""One sample of every view that the station can show, made by the same functions that the errands use.

A test holds this list against the view modules, so a new view cannot be forgotten. People and numbers are made up.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from drivers.cabinet.port import SlotFault
from drivers.reader.model import CardFacts, Certificate, Holder, Pin
from drivers.reader.outcomes import Role
from kiosk import home
from kiosk.config import Config
from kiosk.journal import Interrupted
from kiosk.journeys import (
    closing_views,
    code_views,
    identify_views,
    order_views,
    receipt_views,
    slot_views,
    tear_views,
)
from kiosk.journeys.registry import ERRANDS
from kiosk.journeys.steps.identify import Identified
from kiosk.policy import PinPolicy
from kiosk.ports import Administrator, Order
from kiosk.receipts import Person, Receipt, ReceiptFacts
from kiosk.views import View

NUMBER, OLD_NUMBER = "9999000020260005", "9999000010260005"
ADMINISTRATOR = Administrator("SE2321000999-1A13", "Maj Utlämningsdotter")
ORDER = Order(
    order="2026-0005", hsa_id="SE2321000999-1A05", name="Alexandra Långtnamnsson-Exempelgren", protected=False,
    card_number=NUMBER, product="ordinary", loa=3, slot=14, last_day="2026-12-31",
)  # fmt: skip
PROTECTED = Order(
    order="2026-0006", hsa_id="SE2321000999-1A06", name=None, protected=True, card_number=NUMBER, product="ordinary",
    loa=3, slot=3, last_day="2026-12-31",
)  # fmt: skip
OWN = Identified("old_card", ORDER.hsa_id, 3, OLD_NUMBER)
ATTENDED = Identified("administrator", administrator=ADMINISTRATOR, document="passport")
POLICY = PinPolicy()
TIME = datetime(2026, 11, 25, 10, 46, tzinfo=UTC)
FACTS = ReceiptFacts(
    kind="pickup", time=TIME, station="lasarettet-a", place="Lasarettet, entré A", order=ORDER.order, card_number=NUMBER,
    holder=Person(ORDER.hsa_id, ORDER.name), identified_by="administrator",
    administrator=Person(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name), document_kind="passport", terms=order_views.TERMS,
)  # fmt: skip
RECEIPT = Receipt(FACTS, "7F3A-91C2-K8M4A", "card", b"{}", "KK1.a-made-up-statement-of-a-receipt." + "Made-Up-0" * 26)


def _card() -> CardFacts:
    certificate = Certificate(
        "45", "identification", "CN=Made Up", "CN=Test", "01", TIME, TIME, "identification", 3, "ok", b""
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
    yield from _closing()


def _home() -> Iterator[tuple[str, View[Any]]]:
    config, found = Config(), [Interrupted("", "pickup", "card.unblock", "1")]
    yield "home", home.view(config, [(one, None) for one in ERRANDS], (), forgotten=False)
    yield "home-unavailable", home.view(config, [(one, "cabinet") for one in ERRANDS], (), forgotten=False)
    yield "home-interrupted", home.view(config, [(one, None) for one in ERRANDS], found, forgotten=False)
    yield "home-forgotten", home.view(config, [(one, None) for one in ERRANDS], (), forgotten=True)


def _identify() -> Iterator[tuple[str, View[Any]]]:
    own, administrators = identify_views.own_code(_card()), identify_views.administrator_code(_card(), watched=False)
    yield "who", identify_views.who()
    for strange in (None, "mute", "unknown", "busy"):
        yield f"insert-own-{strange or 'first'}", identify_views.insert_own(strange)
    yield "own-pin", own.entry
    yield "own-pin-wrong", own.wrong(1)
    yield "own-pin-last", own.last
    yield "own-pin-locked", own.locked.view
    yield "own-pin-kept", own.declined.view
    yield "take-own", identify_views.take_own()
    yield "own-card-expired", identify_views.own_card_not_valid(_certificate("expired")).view
    yield "own-card-untrusted", identify_views.own_card_not_valid(None).view
    yield "insert-administrator", identify_views.insert_administrator(None, "administrator")
    yield "insert-administrator-in-turn", identify_views.insert_administrator(None, "holder")
    yield "not-an-administrator", identify_views.not_an_administrator()
    yield "administrator-pin", administrators.entry
    yield "administrator-locked", administrators.locked.view
    yield "document", identify_views.document(ADMINISTRATOR)
    yield "take-administrator", identify_views.take_administrator(ADMINISTRATOR)


def _certificate(chain: str) -> Certificate:
    return Certificate("45", "", "", "", "01", TIME, TIME, "identification", 3, chain, b"")  # type: ignore[arg-type]  # a sample


def _order() -> Iterator[tuple[str, View[Any]]]:
    yield "which", order_views.which([ORDER, PROTECTED, ORDER, PROTECTED], ADMINISTRATOR, more=True)
    yield "terms", order_views.terms(ORDER, OWN, paper=True)
    yield "terms-protected", order_views.terms(PROTECTED, ATTENDED, paper=False)
    yield "envelope", order_views.envelope_at_hand(ORDER, OWN)
    yield "no-order", order_views.no_order().view
    yield "nothing-waits", order_views.nothing_waits().view
    yield "level-too-low", order_views.level_too_low(ORDER).view
    yield "offline", order_views.verifier_away().view
    yield "no-envelope", order_views.no_envelope().view


def _slot() -> Iterator[tuple[str, View[Any]]]:
    yield "take", slot_views.take(ORDER, 24, ATTENDED)
    yield "take-protected", slot_views.take(PROTECTED, 24, OWN)
    yield "put-back", slot_views.put_back(ORDER)
    yield "printed", slot_views.printed_number(OWN)
    yield "printed-differs", slot_views.printed_differs(ORDER)
    yield "insert-new", slot_views.insert_new(ORDER, OWN, None)
    yield "wrong-card", slot_views.wrong_card(ORDER, OLD_NUMBER, own=True)
    yield "wrong-card-in-slot", slot_views.wrong_card_in_slot().view
    yield "no-cabinet", slot_views.no_cabinet().view
    for fault in SlotFault:
        yield f"slot-{fault.value}", slot_views.slot_fault(ORDER, fault).view
    yield "drop-old", slot_views.drop_old(OLD_NUMBER)


def _code() -> Iterator[tuple[str, View[Any]]]:
    yield "puk", code_views.puk(ORDER)
    yield "checking", code_views.checking()
    yield "puk-wrong-card", code_views.wrong_puk(ORDER, 4)
    yield "puk-wrong-server", code_views.wrong_puk(ORDER, None)
    yield "verifier-silent", code_views.verifier_silent()
    yield "new-pin", code_views.new_code(POLICY, differed=False)
    yield "new-pin-differed", code_views.new_code(POLICY, differed=True)
    yield "repeat-pin", code_views.repeat_code(POLICY)
    yield "write", code_views.write(ORDER)
    yield "writing", code_views.writing()
    yield "testing", code_views.testing()
    yield "pulled", tear_views.pulled(None)
    yield "check-code", tear_views.check_code()
    yield "code-from-before", tear_views.code_from_before()
    yield "not-written", tear_views.not_written()
    yield "mistyped", tear_views.mistyped(2)
    yield "left-unknown", tear_views.left_unknown().view
    for name in (
        "puk_floor",
        "puk_locked",
        "too_many_guesses",
        "card_refused",
        "torn_in_test",
        "test_failed",
    ):
        yield name.replace("_", "-"), getattr(code_views, name)().view


def _receipt() -> Iterator[tuple[str, View[Any]]]:
    signing = code_views.sign_code(POLICY)
    yield "receipt", receipt_views.read_and_sign(FACTS, ADMINISTRATOR.name)
    yield "sign-pin", signing.entry
    yield "new-card-locked", signing.locked.view
    yield "sign-later", receipt_views.sign_later().view
    yield "printing", receipt_views.printing()
    for fault in ("out_of_paper", "cover_open", "cutter", "offline", "no_printer", "unclear"):
        yield f"no-paper-{fault}", receipt_views.no_paper(RECEIPT, fault)
    yield "look-at-paper", receipt_views.look_at_paper()
    yield "done", receipt_views.done(RECEIPT)
    yield "on-phone", receipt_views.on_phone(RECEIPT)


def _closing() -> Iterator[tuple[str, View[Any]]]:
    yield "pulled-safe", closing_views.pulled(unknown=False)
    yield "pulled-unknown", closing_views.pulled(unknown=True)
    for what in ("reader", "card", "store", "crash"):
        yield f"trouble-{what}", closing_views.trouble(what)
    yield "take-card", closing_views.take_card("holder")
    yield "take-administrators-card", closing_views.take_card("administrator")
