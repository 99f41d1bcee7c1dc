"""Samples of activating a card that came by post: who is needed, the checks, and why it cannot be done."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from kiosk.errands.activate import views
from kiosk.errands.activate.journey import CARD, CHECKS, CODE, CONTEXT, RECEIPT
from kiosk.region import general
from kiosk.steps import order_views, own_card_views, receipt_views
from kiosk.steps.identity import identification_views
from kiosk.steps.identity.administrator import Which
from kiosk.steps.identity.identification_views import CheckState
from kiosk.steps.pin import by_administrator_views
from kiosk.steps.pin import views as pin_views
from kiosk.views import View
from sim.gallery.made_up import ADMINISTRATOR, ATTENDED, CARD_FACTS, FACTS, ORDER, POLICY
from sim.gallery.made_up import RECEIPT as ISSUED

OFFICE = "Kortkontoret, hus B"


def samples() -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    steps = general().identity_checks.steps
    yield "activate-insert", own_card_views.insert(CARD, None)
    yield "activate-needed", views.administrator_needed(CARD, OFFICE, "administrator")
    yield "activate-needed-somebody", views.administrator_needed(CARD, "", "holder")
    yield "activate-nobody-known", views.no_administrator(CARD, "").view
    yield "activate-take-own", by_administrator_views.take_own(CARD)
    both: tuple[Which, ...] = ("holder", "administrator")
    for name, ticked, readers in (("", 5, both), ("-first", 0, both), ("-last", len(steps) - 1, both[1:])):
        state = CheckState(steps, frozenset(step.id for step in steps[:ticked]), readers)
        check = identification_views.identity_checks(CHECKS, ADMINISTRATOR, state, "passport", ORDER)
        yield f"activate-check{name}", check
    yield "activate-terms", order_views.terms(CODE, ORDER, ATTENDED, paper=True, letter=True)
    start = pin_views.start_code(CODE, CARD_FACTS)
    yield "activate-start-pin", start.entry
    yield "activate-start-pin-wrong", start.wrong(2)
    yield "activate-start-pin-last", start.last("last")
    choosing = replace(CODE, attended_by=ADMINISTRATOR.name)
    yield "activate-new-pin", pin_views.new_code(choosing, POLICY, differed=False)
    yield "activate-repeat-pin", pin_views.repeat_code(choosing, POLICY)
    for name, administrator in (("", True), ("-one-reader", False)):
        stays = receipt_views.cards_stay(administrator)
        sheet = partial(
            receipt_views.read_and_sign, RECEIPT, replace(FACTS, kind="activate"), ADMINISTRATOR.name, stays
        )
        yield f"activate-receipt{name}", sheet(code=False, paper=True)
    yield "activate-receipt-code", sheet(code=True, paper=True)
    yield "activate-done", receipt_views.done(CONTEXT, ISSUED)
    for stopped in (
        views.no_administrator(CARD, OFFICE), CARD.stop("activation_offline", icon="cloud-off-outline"),
        CHECKS.stop("identity_disagrees", icon="alert-outline"), CARD.stop("not_by_post"), CARD.stop("already_active"),
        CARD.stop("order_of_another", badge="failure", icon="alert-outline"), CARD.stop("other_level"),
        CODE.stop("first_code_forgotten", icon="lock-alert-outline"),
    ):  # fmt: skip
        yield f"activate-{stopped.reason.replace('_', '-')}", stopped.view
