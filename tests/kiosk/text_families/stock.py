"""Texts of cards in and out of the slots."""

from typing import get_args

from kiosk.errands.stock.views import TASKS
from kiosk.stock.stocktaking import What, Why

WHAT = get_args(What)
OUT = tuple(why for why in get_args(Why) if why != "missing")
FAMILIES = {
    "stock.what.{}": tuple(TASKS),
    "stock.what.{}.detail": tuple(TASKS),
    "stock.why.{}": OUT,
    "stock.out.{}": OUT,
    "count.seen.{}": WHAT,
    "count.{}.one": ("agree", "unseen", "open"),
    "count.{}.lead": ("agree", "unseen", "open"),
    "receipt.title.{}": ("stock",),
    "receipt.detail.{}": ("stored", "taken_out", "missing"),
}
