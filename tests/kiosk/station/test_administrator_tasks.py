"""What an administrator is told of the station, and what they can do to it beside the journeys."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.usb_ids import UsbSerialId
from drivers.printer.port import NotPrinted, OutOfPaper, Printed, PrintUnknown
from fleet.messages.vocabulary import Effect, EventType
from kiosk.administration_ports import EventOverview
from kiosk.errands.service.event_labels import OTHER, event_label
from kiosk.receipts import draft_receipt, finish_receipt
from kiosk.station import cabinet_pairing as pairing
from kiosk.station.journal_queries import last_events, unprinted, unsigned
from kiosk.station.out_of_service import FILE, OutOfService
from kiosk.texts import Texts
from provisioning.pico import FlashError
from sim.stories.devices import order_of, seal
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, room_for


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting())
        yield room
        await room.close()


async def said(outcome: Any) -> Any:
    return outcome


async def issued(room: Room, *prints: Any, settled: str = "") -> str:
    """A receipt, and what came of its prints."""
    from sim.gallery.made_up import FACTS

    receipt = finish_receipt(draft_receipt(FACTS), seal().key, seal().chain, None)
    log = await room.journal.start("pickup")
    await log.issued(receipt)
    for outcome in prints:
        await log.effect("receipt.print", said(outcome), receipt=receipt.number)
    if settled:
        await log.settled("receipt.print", settled)
    return receipt.number


async def test_a_receipt_is_told_while_its_print_was_begun_and_never_seen_whole(room: Room) -> None:
    await issued(room)  # nobody wanted it on paper
    await issued(room, Printed())
    await issued(room, NotPrinted(OutOfPaper()), Printed())
    await issued(room, PrintUnknown(), settled="printed")
    failed = await issued(room, NotPrinted(OutOfPaper()))
    unclear = await issued(room, PrintUnknown(), settled="not_printed")
    assert {one.number for one in await unprinted(room.journal)} == {failed, unclear}
    log = await room.journal.start("service")
    await log.effect("receipt.print", said(Printed()), receipt=failed)
    assert [one.number for one in await unprinted(room.journal)] == [unclear]


async def test_an_order_counts_as_unsigned_from_its_code_to_its_receipt(room: Room) -> None:
    log = await room.journal.start("pickup")
    await log.about(order_of(1))
    assert await unsigned(room.journal, (), None) == 0
    await log.note(EventType.EFFECT_DONE, effect="card.unblock", outcome="accepted")
    await log.note(EventType.EFFECT_DONE, effect="card.unblock", outcome="accepted")
    assert await unsigned(room.journal, (), None) == 1
    from sim.gallery.made_up import FACTS

    await log.issued(finish_receipt(draft_receipt(FACTS), seal().key, seal().chain, None))
    assert await unsigned(room.journal, (), None) == 0


async def test_what_happened_last_is_told_without_person_or_card(room: Room) -> None:
    log = await room.journal.start("pickup")
    order = order_of(1)
    await log.about(order)
    await log.note(EventType.EFFECT_DONE, effect="slot.open", outcome="opened", slot=2)
    await log.note(EventType.IDENTITY_ATTESTED, administrator="SE-TEST", document="passport", document_digits="4711")
    told = await last_events(room.journal)
    texts = Texts.load()
    assert [texts.plain(event_label(one), "sv") for one in told] == [
        "En ID-handling visades för en ID-administratör",
        "Öppna fack 2: öppnat",
        "Påbörjat: Hämta kort",
    ]
    text = repr(told)
    assert not [
        one for one in (order.hsa_id, order.card_number, order.order, str(order.name), "SE-TEST", "4711") if one in text
    ]


def test_every_type_of_event_and_every_effect_has_words() -> None:
    of_types = {event_type: event_label(EventOverview("10.00", event_type.short)).key for event_type in EventType}
    assert [event_type for event_type, key in of_types.items() if key.endswith(OTHER)] == []
    assert len(set(of_types.values())) == len(EventType) - 1, "an effect is told alike, done or unknown"
    for effect in Effect:
        said = event_label(EventOverview("10.00", "effect.done", effect=effect, outcome="accepted"))
        assert OTHER not in repr(said), effect


def test_what_no_table_knows_is_told_without_its_code() -> None:
    strange = (
        EventOverview("10.00", "station.danced"),
        EventOverview("10.00", "effect.done", effect="slot.dance", outcome="danced", slot=3),
        EventOverview("10.00", "errand.ended", errand="dance", outcome="danced"),
    )
    assert not [one for one in strange if "danc" in Texts.load().plain(event_label(one), "en")]


def test_out_of_service_outlives_a_restart_and_one_without_sense_opens_nothing(tmp_path: Path) -> None:
    OutOfService(tmp_path).set("repair")
    assert OutOfService(tmp_path).why == "repair"
    OutOfService(tmp_path).set(None)
    assert OutOfService(tmp_path).why is None
    for nonsense in (b"", b"<b>", b"\xff\xfe"):
        (tmp_path / FILE).write_bytes(nonsense)
        assert OutOfService(tmp_path).why == "repair"


def test_a_disk_that_cannot_be_written_leaves_the_station_as_it_was(tmp_path: Path) -> None:
    gone = OutOfService(tmp_path / "nowhere")
    with pytest.raises(OSError, match="No such file"):
        gone.set("repair")
    assert gone.why is None


class Line:
    """A driver that holds the line of the cabinet."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def start(self) -> None:
        self.did.append("start")

    async def close(self) -> None:
        self.did.append("close")


@pytest.mark.parametrize(
    ("fault", "word"),
    [(None, "paired"), (FlashError("no_board", "no board"), "no_board"), (PermissionError("key"), "key_file")],
)
async def test_the_line_is_let_go_while_the_board_is_paired_and_taken_again_whatever_came_of_it(
    fault: Exception | None, word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = Line()

    async def flash(image: Path, key: Path, way: Any) -> None:
        assert (line.did, way.load, way.port, image.suffix) == (["close"], None, None, ".uf2")
        await asyncio.sleep(0)
        if fault is not None:
            raise fault

    monkeypatch.setattr(pairing, "flash", flash)
    assert await pairing.pair_cabinet(line, tmp_path / "cabinet.key", "") == word
    assert line.did == ["close", "start"]


@pytest.mark.parametrize("tries", [1, 3])
async def test_at_a_first_start_the_board_that_the_settings_list_is_paired_once_it_is_bound(
    tries: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "station.toml"
    settings.write_text('[cabinet]\nkind = "serial"\nusb = ["0403:6001"]\nkey = "cabinet.json"\n')
    lists: list[tuple[UsbSerialId, ...]] = []

    def boards(listed: tuple[UsbSerialId, ...]) -> tuple[str, ...]:
        lists.append(listed)
        return ("/dev/ttyUSB0",) if len(lists) == tries else ()

    async def flash(image: Path, key: Path, way: Any) -> None:
        await asyncio.sleep(0)
        if not way.list_ports():
            raise FlashError("no_port", "there is no board")

    monkeypatch.setattr(pairing, "boards", boards)
    monkeypatch.setattr(pairing, "flash", flash)
    assert await pairing.pair_named_board(settings, tmp_path / "cabinet.json", pause_s=0) == "paired"
    assert lists == [(UsbSerialId.parse("0403:6001"),)] * tries
