"""Samples of cards in and out of the slots, and of the recount."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

from drivers.cabinet.port import SlotFault
from fleet.messages.link import Order
from kiosk.errands.stock import count_views, views
from kiosk.errands.stock.incoming import Incoming
from kiosk.errands.stock.journey import CONTEXT
from kiosk.errands.stock.views import TASKS
from kiosk.stock.stocktaking import SlotComparison, StoredCard, What, Why
from kiosk.views import View
from sim.gallery.made_up import ORDER

RESERVE = "9999000077770001"
DIGITS = 16
SEEN = get_args(What)
OUT = tuple(why for why in get_args(Why) if why != "missing")
FAMILIES = {
    "stock.what.{}": tuple(TASKS),
    "stock.what.{}.detail": tuple(TASKS),
    "stock.why.{}": OUT,
    "stock.out.{}": OUT,
    "count.seen.{}": SEEN,
    "count.{}.one": ("agree", "unseen", "open"),
    "count.{}.lead": ("agree", "unseen", "open"),
    "receipt.title.{}": ("stock",),
    "receipt.detail.{}": ("stored", "taken_out", "missing"),
}
"""Keys of texts that are put together, and what may stand in their braces."""


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield from _in(ORDER)
    yield from _out(ORDER)
    yield from _count(ORDER)


def _in(order: Order) -> Iterator[tuple[str, View[Any]]]:
    card, spare = Incoming(order.card_number, order), Incoming(RESERVE, None)
    yield "stock-what", views.what(CONTEXT, lying=18, slots=24, due=0)
    yield "stock-what-due", views.what(CONTEXT, lying=18, slots=24, due=2)
    yield "stock-scan", views.scan(CONTEXT, DIGITS, None)
    yield "stock-scan-next", views.scan(CONTEXT, DIGITS, (order.card_number, 14))
    yield "stock-not-known", views.not_known(CONTEXT)
    yield "stock-already-in", views.already_in(CONTEXT, order.card_number, 14)
    yield "stock-no-order", views.no_order(CONTEXT, RESERVE)
    yield "stock-unbroken", views.unbroken(CONTEXT, RESERVE)
    yield "stock-broken", views.broken(CONTEXT, RESERVE)
    yield "stock-place", views.place(CONTEXT, card, 14)
    yield "stock-place-reserve", views.place(CONTEXT, spare, 3)
    yield "stock-full", views.full(CONTEXT)
    yield "stock-jammed", views.not_open(CONTEXT, 14, SlotFault.JAMMED)
    yield "stock-other-open", views.not_open(CONTEXT, 14, SlotFault.OTHER_OPEN)
    yield "stock-cabinet-out", views.cabinet_out(CONTEXT).view
    yield "stock-two-wanted", views.two_wanted(CONTEXT)
    yield "stock-put", views.put(CONTEXT, card, 14, 24)
    yield "stock-shut", views.shut(CONTEXT, 14)


def _lying(order: Order) -> tuple[StoredCard, StoredCard]:
    registered = StoredCard(14, order.card_number, order.order, order.product, order.last_day, "2026-11-02")
    return registered, StoredCard(7, "", "", "", "", "2026-11-20")


def _out(order: Order) -> Iterator[tuple[str, View[Any]]]:
    registered, unknown = _lying(order)
    cards: list[tuple[StoredCard, Why]] = [
        (replace(unknown, slot=6), "not_genuine"), (unknown, "misplaced"), (registered, "expired"),
        (replace(registered, slot=15), "voided"),
    ]  # fmt: skip
    why: Why
    yield "stock-nothing-in", views.nothing_in(CONTEXT)
    yield "stock-which-out", views.which_out(CONTEXT, cards, more=True)
    yield "stock-not-there", views.not_there(CONTEXT, registered)
    for why in ("not_genuine", "expired", "voided", "misplaced", "reserve", "other"):
        yield f"stock-take-{why}", views.take(CONTEXT, registered, why, 24)


def _count(order: Order) -> Iterator[tuple[str, View[Any]]]:
    registered, unknown = _lying(order)
    comparisons = (
        SlotComparison(14, "missing", registered), SlotComparison(7, "agree", unknown),
        SlotComparison(9, "unlisted", None), SlotComparison(3, "unseen", None), SlotComparison(4, "open", None),
    )  # fmt: skip
    yield "stock-count", count_views.slots(CONTEXT, comparisons, 0)
    yield (
        "stock-count-agree",
        count_views.slots(CONTEXT, [replace(comparison, what="agree") for comparison in comparisons], 4),
    )
    yield "stock-unlisted", count_views.slot(CONTEXT, comparisons[2])
    for differing in (comparisons[1], *comparisons[3:]):
        yield f"stock-slot-{differing.what}", count_views.slot(CONTEXT, differing)
    yield "stock-read-card", count_views.read_card(CONTEXT, DIGITS, 9)
    yield "stock-remove", count_views.remove(CONTEXT, 9, 24)
