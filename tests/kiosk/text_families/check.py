"""Texts of checking a card."""

from typing import get_args

from drivers.reader.model import Chain, Purpose

FAMILIES = {
    "chain.{}": get_args(Chain),
    "certificate.{}": get_args(Purpose),
    "computer.{}": ("identification", "signature"),
}
