"""Texts of emptying the bin."""

from typing import get_args

from kiosk.stock.bin_count import Reason

REASONS = get_args(Reason)
FAMILIES = {
    "receipt.title.{}": ("empty_bin",),
    "receipt.detail.{}": ("counted", "expected", "sensor", "reference", "seal"),
    "receipt.remark.{}": ("bin_signed", "bin_not_cleared", *(f"bin_{reason}" for reason in REASONS)),
    "bin.open.{}": ("1", "2", "3"),
    "bin.reason.{}": REASONS,
}
