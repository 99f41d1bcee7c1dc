"""Samples of handing over a new card: who, order, slot, code, receipt."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from drivers.cabinet.port import SlotFault
from drivers.reader.model import Certificate, Holder, Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import DirectoryPerson
from kiosk.steps import order_views, receipt_views, slot_views
from kiosk.steps.hand_over import AGREE, CODE, CONTEXT, SIGN, SLOT, WHO
from kiosk.steps.hand_over import RECEIPT as LAST
from kiosk.steps.identity import card_status_views, employer_views, identification_views, release_code_views
from kiosk.steps.pin import after_tear_views, letter_views
from kiosk.steps.pin import views as pin_views
from kiosk.views import View
from sim.gallery.made_up import (
    ADMINISTRATOR,
    ATTENDED,
    CARD_FACTS,
    FACTS,
    OLD_NUMBER,
    ORDER,
    OWN,
    PAST,
    POLICY,
    PROTECTED,
    RECEIPT,
    TIME,
)

PUK_16 = Pin("02", "PUK", Role.PUK, 0x83, 5, "ok", 16, 16, entry_min_length=16)
CHOSEN = CODE.forward()
EMPLOYERS = (
    Holder("Alva Lindgren", "SE2321000999-8F3C", "Region Norrsjö"),
    Holder("Alva Lindgren", "SE2120001234-1K7M", "Älvbro kommun"),
)


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield from _identify()
    yield from _order()
    yield from _slot()
    yield from _code()
    yield from _receipt()


def _identify() -> Iterator[tuple[str, View[Any]]]:
    own = identification_views.own_code(WHO, CARD_FACTS)
    yield "who", identification_views.who(WHO)
    yield "who-released", identification_views.who(WHO, released=True)
    yield "release-number", release_code_views.number(WHO)
    yield "release-code", release_code_views.code(WHO)
    yield "release-checking", release_code_views.checking(WHO)
    yield "release-wrong", release_code_views.wrong(WHO)
    yield "release-too-many", WHO.stop("too_many_releases", icon="lock-alert-outline").view
    for strange in (None, "mute", "unknown", "secured", "unread", "busy"):
        yield f"insert-own-{strange or 'first'}", identification_views.insert_own(WHO, strange)
    yield "own-pin", own.entry
    yield "own-pin-wrong", own.wrong(1)
    yield "own-pin-last", own.last("last")
    yield "own-pin-locked", own.locked.view
    yield "own-pin-kept", own.declined.view
    yield "employer", employer_views.employer(WHO, EMPLOYERS)
    yield (
        "employer-unnamed",
        employer_views.employer(WHO, [replace(employer, organisation="") for employer in EMPLOYERS]),
    )
    yield "employer-not-known", WHO.stop("employer_not_known", icon="office-building-outline").view
    yield "take-own", identification_views.take_own(WHO)
    yield "own-card-expired", identification_views.own_card_not_valid(WHO, _certificate("expired")).view
    yield "own-card-untrusted", identification_views.own_card_not_valid(WHO, None).view
    yield "document", identification_views.document(WHO, ADMINISTRATOR)
    yield "document-digits", identification_views.document_digits(WHO, ADMINISTRATOR)
    yield "two-needed", WHO.stop("two_needed").view


def _certificate(chain: str) -> Certificate:
    return Certificate("45", "", "", "", "01", TIME, TIME, "identification", 3, chain, b"")  # type: ignore[arg-type]  # a sample


def _order() -> Iterator[tuple[str, View[Any]]]:
    yield "which", order_views.which(AGREE, [ORDER, PROTECTED, ORDER, PROTECTED], ADMINISTRATOR, more=True)
    yield "terms", order_views.terms(AGREE, ORDER, OWN, paper=True, letter=True)
    yield "terms-protected", order_views.terms(AGREE, PROTECTED, ATTENDED, paper=False, letter=True)
    yield "no-order", AGREE.stop("no_order").view
    yield "list-too-old", order_views.list_too_old(AGREE).view
    yield "nothing-waits", AGREE.stop("nothing_waits").view
    yield "level-too-low", AGREE.stop("level_too_low").view
    yield "offline", AGREE.stop("offline", icon="cloud-off-outline").view
    renamed = DirectoryPerson(ORDER.hsa_id, "Alva Nyttnamn", name_changed="2026-10-01")
    yield "former-name", order_views.former_name(AGREE, "Alva Testsson", renamed, date(2027, 1, 1), needs_card=False)
    yield "former-name-declined", order_views.former_name_declined(AGREE).view
    yield "no-envelope", AGREE.stop("no_envelope").view
    yield "without", letter_views.without(AGREE, ATTENDED.administrator, needs_card=False)
    yield "order-letter", letter_views.order(AGREE, ORDER, "slot")
    yield "order-letter-taken", letter_views.order(CODE, ORDER, "waits", instead=True)
    yield "letter-ordered", letter_views.ordered(AGREE, date(2026, 12, 3), "home", "slot")


def _slot() -> Iterator[tuple[str, View[Any]]]:
    yield "take", slot_views.take(SLOT, ORDER, 24, ATTENDED)
    yield "take-protected", slot_views.take(SLOT, PROTECTED, 24, OWN)
    yield "put-back", slot_views.put_back(SLOT, ORDER)
    yield "put-back-untested", slot_views.put_back_untested(SLOT, ORDER)
    yield "put-back-unvouched", slot_views.put_back_unvouched(SLOT, ORDER)
    yield "put-back-read-only", slot_views.put_back_read_only(SLOT, ORDER)
    yield "put-back-false", slot_views.put_back_false(SLOT, ORDER)
    yield "printed", slot_views.printed_number(SLOT, OWN)
    yield "printed-differs", slot_views.printed_differs(SLOT, ORDER)
    yield "insert-new", slot_views.insert_new(SLOT, ORDER, OWN, None)
    yield "sign-owed", slot_views.sign_owed(SLOT, ORDER, OWN, None)
    yield "wrong-card", slot_views.wrong_card(SLOT, ORDER, OLD_NUMBER, own=True)
    yield "wrong-card-in-slot", slot_views.wrong_card_in_slot(SLOT).view
    yield "new-card-heard-codes", slot_views.new_card_heard_codes(SLOT).view
    yield "own-card-attended", slot_views.own_card_attended(SLOT).view
    yield "new-card-read-only", slot_views.new_card_read_only(SLOT).view
    yield "new-card-untested", slot_views.new_card_untested(SLOT, "not_signable").view
    yield "stocked-by-one", slot_views.stocked_by_one(SLOT).view
    for word in (
        *(card_status_views.own_card_stands(WHO, state) for state in ("held", "blocked", "waiting")),
        WHO.stop("own_card_unknown", icon="smart-card-off-outline"), card_status_views.new_card_stands(WHO, "held"),
        card_status_views.new_card_stands(WHO, "blocked"), WHO.stop("new_card_unknown", icon="smart-card-off-outline"),
        WHO.stop("too_long_alone", ErrandOutcome.FAULT, icon="cloud-off-outline"),
        card_status_views.holder_is(WHO, "left"), card_status_views.holder_is(WHO, "unknown"),
    ):  # fmt: skip
        yield f"stands-{word.reason.replace('_', '-')}", word.view
    yield "new-card-not-genuine", slot_views.new_card_not_genuine(SLOT).view
    yield "slot-empty", SLOT.stop("slot_empty").view
    yield "have-it", slot_views.have_it(SLOT, ORDER)
    yield "slot-gone", slot_views.gone_from_slot(SLOT).view
    yield "order-expired", order_views.expired(AGREE, PAST).view
    yield "no-cabinet", slot_views.no_cabinet(SLOT).view
    for fault in SlotFault:
        yield f"slot-{fault.value}", slot_views.slot_fault(SLOT, ORDER, fault).view
    yield "drop-old", slot_views.drop_old(LAST, OLD_NUMBER)
    yield "drop-old-blocked", slot_views.drop_old(LAST, OLD_NUMBER, blocks=True)


def _code() -> Iterator[tuple[str, View[Any]]]:
    yield "puk", pin_views.puk(CODE, ORDER, None)
    yield "puk-16", pin_views.puk(CODE, ORDER, PUK_16)
    yield "puk-6-to-8", pin_views.puk(CODE, ORDER, replace(PUK_16, entry_min_length=6, max_length=8))
    yield "checking", pin_views.checking(CODE)
    yield "puk-wrong-many", pin_views.wrong_puk(CHOSEN, ORDER, None, 7, kept=True)
    yield "puk-wrong-card", pin_views.wrong_puk(CHOSEN, ORDER, None, 4, kept=True)
    yield "puk-wrong-16", pin_views.wrong_puk(CHOSEN, ORDER, PUK_16, 1, kept=True)
    yield "puk-wrong-server", pin_views.wrong_puk(CODE, ORDER, None)
    yield "verifier-silent", pin_views.verifier_silent(CODE)
    yield "new-pin", pin_views.new_code(CHOSEN, POLICY, differed=False)
    yield "new-pin-differed", pin_views.new_code(CHOSEN, POLICY, differed=True)
    yield "repeat-pin", pin_views.repeat_code(CHOSEN, POLICY)
    yield "write", pin_views.write(CHOSEN, ORDER)
    yield "writing", pin_views.writing(CHOSEN)
    yield "testing", pin_views.testing(CHOSEN)
    yield "pulled", after_tear_views.pulled(CODE, None)
    yield "check-code", after_tear_views.check_code(CODE, None)
    yield "code-from-before", after_tear_views.code_from_before(CODE, None)
    yield "not-written", after_tear_views.not_written(CODE)
    yield "mistyped", after_tear_views.mistyped(CODE, 2)
    yield (
        "left-unknown",
        CODE.stop("card_gone", ErrandOutcome.UNKNOWN, badge="failure", icon="smart-card-off-outline").view,
    )
    for ended in (
        pin_views.puk_floor(CODE), pin_views.puk_locked(CODE), CODE.stop("too_many_guesses", icon="lock-alert-outline"),
        CODE.stop("card_refused"), pin_views.torn_in_test(CODE),
        CODE.stop("test_failed", ErrandOutcome.FAULT, badge="failure"),
    ):  # fmt: skip
        yield ended.reason.replace("_", "-"), ended.view


def _receipt() -> Iterator[tuple[str, View[Any]]]:
    signing = pin_views.sign_code(SIGN, POLICY)
    yield "receipt", receipt_views.read_and_sign(SIGN, FACTS, ADMINISTRATOR.name, code=False, paper=True)
    yield "receipt-code", receipt_views.read_and_sign(SIGN, FACTS, None, code=True, paper=False)
    yield "sign-pin", signing.entry
    yield "new-card-locked", signing.locked.view
    yield "sign-later", SIGN.stop("unsigned", ErrandOutcome.CANCELLED).view
    yield "printing", receipt_views.printing(LAST)
    for fault in receipt_views.NO_PAPER:
        yield f"no-paper-{fault}", receipt_views.no_paper(LAST, RECEIPT, fault)
    yield "look-at-paper", receipt_views.look_at_paper(LAST)
    yield "done", receipt_views.done(CONTEXT, RECEIPT)
    yield "done-without-paper", receipt_views.done(CONTEXT, RECEIPT, paper=False)
    kept = replace(RECEIPT, facts=replace(RECEIPT.facts, remarks=(receipt_views.CODE_KEPT,)))
    yield "done-old-code", receipt_views.done(CONTEXT, kept)
    yield "on-phone", receipt_views.on_phone(LAST, RECEIPT)
    yield "receipt-way", receipt_views.choose_way(LAST, paper=False)
    yield "receipt-way-paper", receipt_views.choose_way(LAST, paper=True)
    yield "receipt-mailed", receipt_views.mailed(LAST)
    yield "done-mail", receipt_views.done(LAST.ending(), RECEIPT, paper=False, mail=True)
    opens = replace(RECEIPT, qr=f"https://fleet.example/r/#{RECEIPT.qr}")
    yield "on-phone-opens", receipt_views.on_phone(LAST, opens)
