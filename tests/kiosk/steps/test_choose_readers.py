"""Telling the readers apart: what is asked for one, two and three readers, and what comes of it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import ReadersSection
from kiosk.station.reader_roles import ReaderRoles
from kiosk.steps.context import ViewContext
from kiosk.steps.reader_roles import ReaderChoice, choose_readers
from kiosk.views import ReaderDrawing, View
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.usb_readers import UsbReaders

MODEL = "Gemalto PC Twin Reader"
PORTS = ("1.1", "1.2", "1.3")
PLACES = tuple(f"0000:01:00.0:{port}" for port in PORTS)
AUTO = ReadersSection(holder="auto", administrator="auto")


class Installer:
    """Answers views, or does something by hand; keeps what was shown."""

    def __init__(self, answers: Mapping[str, str | Callable[[], None]]) -> None:
        self._answers = answers
        self.shown: list[str] = []
        self.lit: list[str] = []

    async def ask(self, view: View[Any], until: Coroutine[Any, Any, Any] | None = None) -> Any:
        self.shown.append(view.name.removeprefix("service."))
        answer = self._answers[self.shown[-1]]
        if isinstance(view.drawing, ReaderDrawing):
            self.lit.append(view.drawing.which)
        if isinstance(answer, str):
            if until is not None:
                until.close()
            return answer
        answer()
        assert until is not None
        return await until


@pytest.fixture(scope="module")
def card() -> VirtualCard:
    now = datetime.now(UTC)
    return VirtualCard.create(person(6).new, TestAuthority.create(now), now)


class InstallersTable:
    """So many equal readers, on a machine of their own."""

    def __init__(self, folder: Path, card: VirtualCard, readers: int) -> None:
        self.usb = UsbReaders(folder)
        self._card = card
        for port in PORTS[:readers]:
            self.usb.plug_usb(MODEL, port)
        self.roles = ReaderRoles(AUTO, folder, self.usb, root=folder, sleep=lambda _: asyncio.sleep(0))

    def puts(self, number: int) -> Callable[[], None]:
        return lambda: self.usb.slots[f"{MODEL} {number:02X} 00"].insert(self._card)

    def pulls(self, number: int) -> Callable[[], None]:
        def pull() -> None:
            self.usb.slots[f"{MODEL} {number:02X} 00"].remove()

        return pull

    async def choice_of(self, installer: Installer) -> ReaderChoice | None:
        return await choose_readers(installer.ask, self.roles, ViewContext("service"))  # type: ignore[arg-type]


async def test_of_two_one_card_tells_both(tmp_path: Path, card: VirtualCard) -> None:
    table = InstallersTable(tmp_path, card, 2)
    installer = Installer({"reader_holder": table.puts(1), "reader_holder_out": table.pulls(1)})
    assert await table.choice_of(installer) == ReaderChoice(PLACES[1], PLACES[0])
    assert installer.lit == ["holder", "holder"]


async def test_of_three_the_second_is_asked_for_as_well_and_the_third_is_nobodys(
    tmp_path: Path, card: VirtualCard
) -> None:
    table = InstallersTable(tmp_path, card, 3)
    installer = Installer({
        "reader_holder": table.puts(2), "reader_holder_out": table.pulls(2),
        "reader_administrator": table.puts(0), "reader_administrator_out": table.pulls(0),
    })  # fmt: skip
    choice = await table.choice_of(installer)
    assert choice == ReaderChoice(PLACES[2], PLACES[0])
    assert installer.lit == ["holder", "holder", "administrator", "administrator"]
    await table.roles.keep(choice.holder, choice.administrator)
    assert table.roles.name_of("holder") == f"{MODEL} 02 00"


async def test_one_is_for_everybody_once_a_person_says_so(tmp_path: Path, card: VirtualCard) -> None:
    table = InstallersTable(tmp_path, card, 1)
    assert await table.choice_of(Installer({"one_reader": "keep"})) == ReaderChoice(PLACES[0], None)
    assert await table.choice_of(Installer({"one_reader": "back"})) is None


@pytest.mark.parametrize(
    ("readers", "answers"),
    [
        (0, {"no_readers": "next"}),
        (2, {"reader_holder": "back"}),
        (3, {"reader_holder": "0", "reader_holder_out": "0", "reader_administrator": "back"}),
    ],
)
async def test_who_goes_back_has_told_nothing(
    readers: int, answers: dict[str, Any], tmp_path: Path, card: VirtualCard
) -> None:
    table = InstallersTable(tmp_path, card, readers)
    hands = {"reader_holder": table.puts(0), "reader_holder_out": table.pulls(0)}
    installer = Installer({view: hands[view] if answer == "0" else answer for view, answer in answers.items()})
    assert await table.choice_of(installer) is None
    assert installer.shown == list(answers)
