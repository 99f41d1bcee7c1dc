"""Attacks on who a person is: cards that call any code right, and stations that speak in a person's name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.rogue import copied, interposed
from tests.fakes.errand_tales import blocking, renewal, reserve
from tests.fakes.errands import ErrandTale, play
from tests.fakes.room import OLD_PIN, Room, quick_folder
from tests.fakes.stories import Setting, own_card

ANY_CODE = "00000000"
ROGUES: Mapping[str, Callable[[VirtualCard], VirtualCard]] = {
    "a copy": copied,
    "a copy with its own key": lambda card: copied(card, "own key"),
    "the true card for its code, a copy for the rest": interposed,
    "a copy for the code, the true card for the rest": lambda card: interposed(card, "copy first"),
}
WANTED = frozenset(
    {
        "slot.open",
        "card.block",
        "card.hold",
        "card.lift",
        "certificate.request",
        "card.write_certificate",
        "letter.order",
    }
)
"""The effects that an attacker is after."""


def _stories(code: str) -> Mapping[str, ErrandTale]:
    """Each errand that takes a card and its code for a person, with the code that the attacker types."""
    held = blocking.register("held")
    return {
        "pick-up": ErrandTale("", "pickup", lambda: own_card(pin_old=code), Setting()),
        "report lost": ErrandTale(
            "", "report_lost", blocking.lost("code_known", pin=code), prepare=blocking.register()
        ),
        "found again": ErrandTale("", "report_lost", blocking.lost("found", pin=code), prepare=held),
        "return": ErrandTale("", "return_card", blocking.back(pin=code), prepare=blocking.register()),
        "reserve": ErrandTale(
            "",
            "reserve_certificate",
            reserve.spare(pin=[code, *[OLD_PIN] * 3]),
            reserve.RESERVED,
            prepare=reserve.SPARE,
        ),
        "renew": ErrandTale("", "renew_certificate", renewal.renew(pin=code), prepare=renewal.ONE),
    }


def _with_rogue(tale: ErrandTale, rogue: Callable[[VirtualCard], VirtualCard]) -> ErrandTale:
    """The same story with the copy in place of the holder's own card."""

    def prepare(room: Room) -> None:
        tale.prepare(room)
        name = "1:new" if tale.errand == "reserve_certificate" else "1:old"
        room.world._cards[name] = rogue(room.world.card(name))

    return replace(tale, prepare=prepare)


async def _played(folder: Path, tale: ErrandTale) -> tuple[set[str], list[Any], Any]:
    """The effects that were tried, what the holder was shown, and how it ended."""
    with quick_folder(folder) as quick:
        room, someone, ended = await play(quick, tale)
        try:
            assert someone.failure is None or ended.reason != "", someone.failure
            told = await room.told()
        finally:
            await room.close()
    return {one.partition(" ")[0] for one in told}, someone.shown, ended


@pytest.mark.parametrize("rogue", ROGUES)
@pytest.mark.parametrize("errand", _stories(""))
async def test_a_rogue_card_is_its_holder(errand: str, rogue: str, tmp_path: Path) -> None:
    """A card with another's public certificates is taken for its holder."""
    right = reserve.ORDINARY_PIN if errand == "reserve" else OLD_PIN
    code = right if rogue.startswith("the true card") else ANY_CODE
    tale = _with_rogue(_stories(code)[errand], ROGUES[rogue])
    effects, shown, ended = await _played(tmp_path, tale)
    assert not effects & WANTED, effects
    assert ended.reason in ("card_not_genuine", "card_did_not_sign"), ended
    assert [one for one in shown if one.name.endswith(f".stop.{ended.reason}")], "the person is told"
