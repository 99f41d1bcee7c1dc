"""Samples of cards in and out of the slots, and of the recount."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from drivers.cabinet.port import SlotFault
from fleet.messages.link import Order
from kiosk.errands.stock import count_views
from kiosk.errands.stock import views as stock_views
from kiosk.errands.stock.incoming import Incoming
from kiosk.errands.stock.journey import CONTEXT
from kiosk.stock.stocktaking import Compared, Lying, Why
from kiosk.views import View

RESERVE = "9999000077770001"
DIGITS = 16


def stock_samples(order: Order) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    yield from _in(order)
    yield from _out(order)
    yield from _count(order)


def _in(order: Order) -> Iterator[tuple[str, View[Any]]]:
    card, spare = Incoming(order.card_number, order), Incoming(RESERVE, None)
    yield "stock-what", stock_views.what(CONTEXT, lying=18, slots=24, due=0)
    yield "stock-what-due", stock_views.what(CONTEXT, lying=18, slots=24, due=2)
    yield "stock-scan", stock_views.scan(CONTEXT, DIGITS, None)
    yield "stock-scan-next", stock_views.scan(CONTEXT, DIGITS, (order.card_number, 14))
    yield "stock-not-known", stock_views.not_known(CONTEXT)
    yield "stock-already-in", stock_views.already_in(CONTEXT, order.card_number, 14)
    yield "stock-no-order", stock_views.no_order(CONTEXT, RESERVE)
    yield "stock-unbroken", stock_views.unbroken(CONTEXT, RESERVE)
    yield "stock-broken", stock_views.broken(CONTEXT, RESERVE)
    yield "stock-place", stock_views.place(CONTEXT, card, 14)
    yield "stock-place-reserve", stock_views.place(CONTEXT, spare, 3)
    yield "stock-full", stock_views.full(CONTEXT)
    yield "stock-jammed", stock_views.not_open(CONTEXT, 14, SlotFault.JAMMED)
    yield "stock-other-open", stock_views.not_open(CONTEXT, 14, SlotFault.OTHER_OPEN)
    yield "stock-cabinet-out", stock_views.cabinet_out(CONTEXT).view
    yield "stock-two-wanted", stock_views.two_wanted(CONTEXT)
    yield "stock-put", stock_views.put(CONTEXT, card, 14, 24)
    yield "stock-shut", stock_views.shut(CONTEXT, 14)


def _lying(order: Order) -> tuple[Lying, Lying]:
    known = Lying(14, order.card_number, order.order, order.product, order.last_day, "2026-11-02")
    return known, Lying(7, "", "", "", "", "2026-11-20")


def _out(order: Order) -> Iterator[tuple[str, View[Any]]]:
    known, unknown = _lying(order)
    found: list[tuple[Lying, Why]] = [
        (replace(unknown, slot=6), "not_genuine"), (unknown, "misplaced"), (known, "expired"),
        (replace(known, slot=15), "voided"),
    ]  # fmt: skip
    why: Why
    yield "stock-nothing-in", stock_views.nothing_in(CONTEXT)
    yield "stock-which-out", stock_views.which_out(CONTEXT, found, more=True)
    yield "stock-not-there", stock_views.not_there(CONTEXT, known)
    for why in ("not_genuine", "expired", "voided", "misplaced", "reserve", "other"):
        yield f"stock-take-{why}", stock_views.take(CONTEXT, known, why, 24)


def _count(order: Order) -> Iterator[tuple[str, View[Any]]]:
    known, unknown = _lying(order)
    found = (
        Compared(14, "missing", known), Compared(7, "agree", unknown), Compared(9, "unlisted", None),
        Compared(3, "unseen", None), Compared(4, "open", None),
    )  # fmt: skip
    yield "stock-count", count_views.slots(CONTEXT, found, 0)
    yield "stock-count-agree", count_views.slots(CONTEXT, [replace(one, what="agree") for one in found], 4)
    yield "stock-unlisted", count_views.slot(CONTEXT, found[2])
    for one in (found[1], *found[3:]):
        yield f"stock-slot-{one.what}", count_views.slot(CONTEXT, one)
    yield "stock-read-card", count_views.read_card(CONTEXT, DIGITS, 9)
    yield "stock-remove", count_views.remove(CONTEXT, 9, 24)
