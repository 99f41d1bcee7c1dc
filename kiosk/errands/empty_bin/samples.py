"""Samples of emptying the bin."""

from collections.abc import Iterator
from typing import Any, get_args

from kiosk.errands.empty_bin import views
from kiosk.errands.empty_bin.journey import CONTEXT, COUNT, SEAL, SIGN
from kiosk.issuer.ports import LoggedIn
from kiosk.stock.bin_count import BinCountStatement, CountedCards, Reason
from kiosk.views import View

DIGITS = 16
WHO = LoggedIn("SE2321000999-1A13", "Maj Utlämningsdotter", "server")
LISTED = tuple(f"99990000102600{number:02}" for number in range(1, 24))
SAID = BinCountStatement(
    "lasarettet-a", "e", "2026-11-25T10:46:00Z", WHO.hsa_id, "SE2321000999-1A14", 22, 23, 23, "440017"
)
REASONS = get_args(Reason)
FAMILIES = {
    "receipt.title.{}": ("empty_bin",),
    "receipt.detail.{}": ("counted", "expected", "sensor", "reference", "seal"),
    "receipt.remark.{}": ("bin_signed", "bin_not_cleared", *(f"bin_{reason}" for reason in REASONS)),
    "bin.open.{}": ("1", "2", "3"),
    "bin.reason.{}": REASONS,
}
"""Keys of texts that are put together, and what may stand in their braces."""


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "bin-open", views.open_bin(COUNT)
    yield "bin-how", views.how(COUNT, must_scan=False)
    yield "bin-how-by-number", views.how(COUNT, must_scan=True)
    yield "bin-count", views.count(COUNT)
    yield "bin-scan", views.scan(COUNT, DIGITS, 4, again=False)
    yield "bin-scan-again", views.scan(COUNT, DIGITS, 4, again=True)
    yield "bin-difference", views.difference(COUNT, CountedCards(22), LISTED, 23, ("missing", "sensor", "other"))
    read = (*LISTED[5:], "9999000077770001")
    yield "bin-difference-read", views.difference(COUNT, CountedCards(19, read), LISTED, None, REASONS)
    yield "bin-reference", views.reference(COUNT)
    yield "bin-seal", views.seal(SEAL)
    yield "bin-set-aside", views.set_aside(COUNT, ("9999000010260003", "9999000010260004"))
    yield "bin-confirm", views.confirm(SIGN, SAID)
    yield (
        "bin-confirm-explained",
        views.confirm(SIGN, BinCountStatement("a", "e", "t", "b", "s", 22, 23, 23, "440017", "missing")),
    )
    yield "bin-insert-signer", views.insert_signer(SIGN, WHO, None, "administrator")
    yield "bin-insert-signer-in-turn", views.insert_signer(SIGN, WHO, "mute", "holder")
    yield "bin-other-signer", views.other_signer(SIGN, WHO)
    yield "bin-not-signed", SIGN.stop("bin_not_signed").view
    yield "bin-done", views.done(CONTEXT, cleared=True)
    yield "bin-done-not-cleared", views.done(CONTEXT, cleared=False)
    yield "bin-done-without-paper", views.done(CONTEXT, cleared=True, paper=False)
