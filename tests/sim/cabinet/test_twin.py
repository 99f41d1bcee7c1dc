"""The real firmware with the real driver, and what may befall a cable and a board: each named, nothing opened by it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.cabinet import driver
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.port import (
    CabinetAbsent,
    CabinetFinding,
    CabinetMute,
    CabinetReady,
    CabinetState,
    Dropped,
    NotDropped,
    NotOpened,
    NotPaired,
    Opened,
    OpenUnknown,
    SlotFault,
    SwappedBoard,
)
from drivers.reader.secret import Secret
from sim.cabinet.twin import BoardTwin, TwinError
from tests.fakes.cabinet.cabinet_and_hands import LIMIT_S, twin_of, until


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[BoardTwin]:
    async with twin_of(tmp_path, cards={1: "asa", 2: "bo"}) as twin:
        yield twin


async def becomes(twin: BoardTwin, kind: type[CabinetState]) -> CabinetState:
    return await until(twin.driver, lambda state: isinstance(state, kind))


def closed(twin: BoardTwin) -> bool:
    return twin.open_slot_number is None and twin.drop.locked


async def test_a_cable_that_was_out_is_absent_and_the_cards_lie_as_before(twin: BoardTwin) -> None:
    twin.pull_cable()
    assert await becomes(twin, CabinetAbsent) == CabinetAbsent()
    assert await twin.driver.open_slot(1) == NotOpened(SlotFault.MUTE)
    assert closed(twin)

    twin.pull_cable(False)
    state = await becomes(twin, CabinetReady)
    assert isinstance(state, CabinetReady)
    assert [slot.card for slot in state.slots] == ["present", "present", "empty"]
    assert twin.driver.restarts == 0
    assert await twin.driver.open_slot(1) == Opened()


async def test_a_cable_pulled_in_the_middle_of_an_opening_leaves_it_unknown(twin: BoardTwin) -> None:
    twin.set_jammed(1)
    twin.silence()  # its answer, which would be a jam, is not heard before the cable is out
    await twin.settled()
    opening = asyncio.ensure_future(twin.driver.open_slot(1))
    await until(twin.driver, lambda _: twin.longest_coil_s > 0)
    twin.pull_cable()

    assert await opening == OpenUnknown()


@pytest.mark.parametrize("falls", ["before the silence ends", "after it"])
async def test_a_board_that_falls_silent_is_mute_and_the_drop_goes_on_where_it_comes_back(
    twin: BoardTwin, falls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "RESUME_S", LIMIT_S)
    await twin.driver.open_drop()
    waiting = asyncio.ensure_future(twin.driver.wait_drop())
    twin.silence()
    if falls == "before the silence ends":
        twin.drop.drop_card("old")

    assert await becomes(twin, CabinetMute) == CabinetMute()
    await until(twin.driver, lambda _: twin.drop.locked)  # by itself: it has not heard the host
    twin.silence(False)
    if falls == "after it":
        await until(twin.driver, lambda _: not twin.drop.locked)
        twin.drop.drop_card("old")
    assert await waiting == Dropped(1)
    assert await twin.driver.open_slot(2) == Opened()


async def test_noise_on_the_line_opens_nothing_and_is_survived(twin: BoardTwin) -> None:
    for noise in (b"\x00", bytes(range(256)), b"\xff" * 300, bytes((3, 1, 5, 2, 0)) * 40):
        twin.make_noise(noise)
    twin.make_noise(b"\x00")

    assert await twin.driver.open_drop() == Opened()
    assert twin.open_slot_number is None
    twin.drop.drop_card("old")
    assert await twin.driver.wait_drop() == Dropped(1)


async def test_a_board_that_starts_anew_is_noticed_and_knows_what_it_counted(twin: BoardTwin) -> None:
    await twin.driver.open_drop()
    twin.drop.drop_card("old")
    assert await twin.driver.wait_drop() == Dropped(1)
    twin.restart()
    async with asyncio.timeout(LIMIT_S):
        while not twin.driver.restarts:
            await twin.driver.changed()

    state = await becomes(twin, CabinetReady)
    assert isinstance(state, CabinetReady)
    assert state.bin_count == 1
    assert closed(twin)
    assert await twin.driver.open_slot(1) == Opened()


async def test_a_housing_that_is_open_keeps_everything_locked(twin: BoardTwin) -> None:
    twin.open_case()
    async with asyncio.timeout(LIMIT_S):
        while (outcome := await twin.driver.open_slot(1)) == Opened():
            twin.close_door(1)
    assert outcome == NotOpened(SlotFault.TAMPERED)
    twin.open_case(False)
    async with asyncio.timeout(LIMIT_S):
        while await twin.driver.open_slot(2) != Opened():
            pass


async def test_a_bin_that_stands_open_keeps_the_flap_locked(twin: BoardTwin) -> None:
    await twin.driver.open_drop()
    waiting = asyncio.ensure_future(twin.driver.wait_drop())
    twin.open_bin()

    assert await waiting == NotDropped("nothing")
    assert await twin.driver.open_drop() == NotOpened(SlotFault.BIN_OPEN)


async def test_a_self_test_names_what_stands_open(twin: BoardTwin) -> None:
    twin.open_case()
    twin.open_bin()
    async with asyncio.timeout(LIMIT_S):
        while await twin.driver.self_test() != {CabinetFinding.CASE_OPEN, CabinetFinding.BIN_OPEN}:
            pass
    twin.pull_cable()
    await becomes(twin, CabinetAbsent)
    assert await twin.driver.self_test() is None
    assert not await twin.driver.clear_bin()


async def test_no_coil_is_on_longer_than_the_firmware_s_limit(twin: BoardTwin) -> None:
    twin.set_jammed(1)
    assert await twin.driver.open_slot(1) == NotOpened(SlotFault.JAMMED)

    assert 0.2 < twin.longest_coil_s < 5, "half a second, and what a busy machine keeps a process waiting"


async def test_everything_lies_where_it_lay_when_the_power_comes_back(tmp_path: Path) -> None:
    async with twin_of(tmp_path, cards={1: "asa"}) as before:
        await before.driver.open_slot(1)
        before.take_card(1)
        board, saved = before.driver.board, before.snapshot()
    again = BoardTwin(tmp_path, 3)
    again.restore(saved)
    await again.start()
    again.driver.start()
    try:
        state = await again.driver.state()
        assert isinstance(state, CabinetReady)
        assert (state.slots[0].card, state.slots[0].door) == ("empty", "open")
        assert board is not None
        assert again.driver.board is not None
        assert again.driver.board.board_id == board.board_id
        assert again.driver.board.boot_id != board.boot_id
    finally:
        await again.driver.close()
        await again.stop()


@pytest.mark.parametrize(
    ("pairing", "kind"),
    [(Pairing("e661000000000000", Secret("5a" * 32)), SwappedBoard), (None, NotPaired)],
    ids=["another board", "another key"],
)
async def test_a_board_that_is_not_the_paired_one_opens_nothing(
    pairing: Pairing | None, kind: type[CabinetState], tmp_path: Path
) -> None:
    twin = BoardTwin(tmp_path, 3, cards={1: "asa"})
    await twin.start()
    ours = Pairing.load(tmp_path / "pairing.json")
    (pairing or Pairing(ours.board, Secret("5a" * 32))).save(tmp_path / "pairing.json")
    twin.driver.start()
    try:
        assert isinstance(await twin.driver.state(), kind)
        assert await twin.driver.open_slot(1) == NotOpened(SlotFault.MUTE)
        assert closed(twin)
    finally:
        await twin.driver.close()
        await twin.stop()


async def test_without_the_interpreter_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.cabinet.unix_board.INTERPRETER", "no-such-micropython")

    with pytest.raises(TwinError, match="no-such-micropython"):
        await BoardTwin(tmp_path, 3).start()
