"""Stories of `service`: what people do, how it ends, and what is left then."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from drivers.printer.port import NotLaidOut, NotPrinted, OutOfPaper, PrintUnknown
from drivers.reader.pin.try_ledger import MemoryLedger
from kiosk.administration_ports import DeviceOverview
from kiosk.config import ReadersSection
from kiosk.issuer.ports import Task
from kiosk.station.reader_roles import ReaderRoles
from sim.stories.administration import RoomHouse
from sim.stories.administrator import HOUSE, housed, look_after
from sim.stories.errand_stories import ErrandStory
from sim.stories.own_card import MINE, product
from sim.stories.person import Person, StoryAction, pulls, puts
from sim.stories.register import NUMBER, both
from sim.stories.room import Room

PUK_KEY = "02-puk-02"
"""Of a card of kind B, in the ledger."""
HERE = ("service.insert_administrator", "service.pin_administrator", "service.menu")


def machine(**changed: Any) -> Callable[[Room], None]:
    """A machine that is otherwise."""

    def prepare(room: Room) -> None:
        made = RoomHouse(room)
        for name, value in changed.items():
            setattr(made, name, value)
        room.equip(machine=made)

    return prepare


def closed_is(why: str | None) -> Callable[[Room], None]:
    """Return a check of the message to visitors in the end; None where the station is open."""

    def look(room: Room) -> None:
        assert isinstance(room.caps.machine, RoomHouse)
        assert room.caps.machine.closed == why

    return look


def shuts(slot: int) -> StoryAction:
    def action(person: Person) -> None:
        person.world.close_door(slot)

    return action


def papers(count: int) -> Callable[[Room], None]:
    """So many pages came out of the printer."""

    def look(room: Room) -> None:
        assert len(room.caps.printer.papers) == count  # type: ignore[union-attr]  # the fake's

    return look


def jammed(room: Room) -> None:
    """The door of slot 2 sticks."""
    room.world.jam(2, True)


def untold(room: Room) -> None:
    """The station's file leaves it open which reader is whose."""
    roles = ReaderRoles(
        ReadersSection(holder="auto", administrator="auto"), room.world.folder, room.world.backend,
        sleep=lambda _: asyncio.sleep(0.01),
    )  # fmt: skip
    machine(readers=roles)(room)


TOLD: dict[str, Any] = {
    "take_administrator": pulls("administrator"),
    "reader_holder": puts("1:old", "administrator"),
    "reader_holder_out": pulls("administrator"),
    "readers_told": "next",
}
"""The card goes into the reader that was taken for the administrator's."""


def holder_is(slot: str) -> Callable[[Room], None]:
    """Return a check of which reader is the holder's in the end."""

    def look(room: Room) -> None:
        readers = room.caps.machine.readers  # type: ignore[union-attr]  # `untold` has set it
        assert isinstance(readers, ReaderRoles)
        assert readers.name_of("holder") == room.world.slots[slot].name

    return look


def bare(room: Room) -> None:
    room.equip(cabinet=None)


TRIES: dict[str, Any] = {"tries_insert": puts(MINE), "tries_told": "next", "tries_take": pulls()}


def mistyped(room: Room) -> None:
    """The station has counted wrong PUKs of a card that tells no tries of its PUK."""
    product(commands={"counter_of_puk": "none"})(room)
    room.settings.ledger.settle(NUMBER, PUK_KEY, 7)


def counts_anew(room: Room) -> None:
    """Nothing is counted for the card any more; by its number alone, other cards of that name are."""
    ledger = room.settings.ledger
    assert isinstance(ledger, MemoryLedger)
    assert [used for key, used in ledger.counts.items() if key.endswith(f"/{PUK_KEY}")] == [7, 0]


WAITING = [
    Task(f"{number:032x}", kind, datetime(2026, 11, 27, 12, tzinfo=UTC), card)
    for number, (kind, card) in enumerate((("hold", "10260001"), ("bin", ""), ("receipt", "10260002"), ("left", "10260003"),
                                           ("from_a_newer_server", "10260004")))
]  # fmt: skip


def waits(room: Room) -> None:
    """Five things wait at this station, by the server's worklist."""
    room.caps.administrators.waiting = list(WAITING)  # type: ignore[attr-defined]  # the fake's


def away(room: Room) -> None:
    """The server is heard until the administrator has logged in."""
    room.caps.administrators.hears_tasks = False  # type: ignore[attr-defined]  # the fake's


def taken_are(*ids: str) -> Callable[[Room], None]:
    def look(room: Room) -> None:
        waiting = room.caps.administrators.waiting  # type: ignore[attr-defined]  # the fake's
        assert [task.id for task in waiting if task.taken == "you"] == list(ids)

    return look


FAULTY = (DeviceOverview("reader", "ready", True), DeviceOverview("printer", "out_of_paper", False))


ERASED: dict[str, Any] = {"reset": "go_on", "reset_sure": "erase"}

STORIES = [
    ErrandStory(
        "service: test all parts, and a page", "service", look_after("test", "print"), HOUSE, prepare=housed,
        events=("station.test well", "printer.test printed"), views=(*HERE, "service.tested", "service.printed"),
        check=papers(1), troubled=True, touched=True,
    ),
    ErrandStory(
        "service: what waits here, and one is taken", "service",
        look_after("tasks", which_task=["more", "more", WAITING[2].id, "back"], task_taken="next"), HOUSE,
        prepare=both(housed, waits), events=(), check=taken_are(WAITING[2].id), troubled=True,
        views=(*HERE, "service.which_task", "service.which_task", "service.which_task", "service.task_taken"),
    ),
    ErrandStory(
        "service: nothing waits here", "service", look_after("tasks", no_tasks="next"), HOUSE, prepare=housed, events=(),
    ),
    ErrandStory(
        "service: the server is away, and nobody knows what waits", "service", look_after("tasks", tasks_away="next"), HOUSE,
        prepare=both(housed, away), events=(), views=("service.tasks_away",),
    ),
    ErrandStory(
        "service: a part does not work", "service", look_after("test"), HOUSE, prepare=machine(devices=FAULTY),
        events=("station.test faults",),
    ),
    ErrandStory(
        "service: the page does not come out", "service", look_after("print", "print"),
        replace(HOUSE, printer=(NotPrinted(OutOfPaper()), PrintUnknown())), prepare=housed,
        events=("printer.test not_printed", "printer.test unknown", "printer.test looked_at"),
    ),
    ErrandStory(
        "service: the page does not fit on the paper", "service", look_after("print", "print"),
        replace(HOUSE, printer=(NotLaidOut("other"), PrintUnknown())), prepare=housed,
        events=("printer.test not_laid_out", "printer.test unknown", "printer.test looked_at"),
    ),
    ErrandStory(
        "service: a slot, with the reason, until it is shut", "service",
        look_after("open", which_slot=["25", "02"], why_open="stuck", shut=shuts(2)), HOUSE, prepare=housed,
        events=("slot.open opened",), views=("service.which_slot", "service.which_slot", "service.why_open", "service.shut"),
        troubled=True,
    ),
    ErrandStory(
        "service: a slot that is jammed, and one that is thought better of", "service",
        look_after("open", "open", "open", which_slot=["02", "back", "02"], why_open=["look", "back"], not_opened="next"),
        HOUSE, prepare=both(housed, jammed), events=("slot.open not_opened",),
    ),
    ErrandStory(
        "service: where nothing of it is fitted", "service", look_after("test"), replace(HOUSE, printer=None),
        prepare=both(housed, bare), events=("station.test well",),
    ),
    ErrandStory(
        "service: out of service, and back", "service",
        look_after("close", "close", why_close="repair", reopen="open"), HOUSE, prepare=housed,
        events=("station.close closed", "station.open opened"), check=closed_is(None),
        views=("service.why_close", "service.closed", "service.reopen"),
    ),
    ErrandStory(
        "service: out of service stays", "service", look_after("close", "close", why_close=["back", "stock"]), HOUSE,
        prepare=housed, events=("station.close closed",), check=closed_is("stock"),
    ),
    ErrandStory(
        "service: what happened last", "service",
        look_after("print", "print", "print", "test", "events", events=["more", "more", "back"]), HOUSE, prepare=housed,
    ),
    ErrandStory(
        "service: the count of a card's tries begun anew, with the reason", "service",
        look_after("tries", "tries", tries_why="unlocked_elsewhere", **TRIES), HOUSE, prepare=both(housed, mistyped),
        events=("card.clear_tries cleared", "card.clear_tries nothing"), check=counts_anew, troubled=True,
        views=("service.tries_insert", "service.tries_why", "service.tries_told", "service.tries_take"),
        reasons=frozenset({"logged_out"}),
    ),
    ErrandStory(
        "service: thought better of a count", "service", look_after("tries", **TRIES | {"tries_insert": "back"}), HOUSE,
        prepare=both(housed, mistyped), events=(),
    ),
    ErrandStory(
        "service: every receipt came out", "service", look_after("receipts", no_receipts="next"), HOUSE, prepare=housed,
        events=(),
    ),
    ErrandStory(
        "service: pair the cabinet", "service", look_after("pair"), HOUSE, prepare=housed, events=("cabinet.pair paired",),
    ),
    ErrandStory(
        "service: it cannot be paired", "service", look_after("pair", "pair", pair=["pair", "back"]), HOUSE,
        prepare=machine(pairs="no_board"), events=("cabinet.pair no_board",), views=("service.not_paired",),
    ),
    ErrandStory(
        "service: tell the readers apart", "service",
        look_after("readers", **TOLD), HOUSE, prepare=untold, events=("readers.assign written",),
        check=holder_is("administrator"), reasons=frozenset({"logged_out"}), troubled=True,
        views=(*HERE, "service.take_administrator", "service.reader_holder", "service.reader_holder_out",
               "service.readers_told"),
    ),
    ErrandStory(
        "service: the station's file names the readers", "service", look_after("readers", readers_named="next"), HOUSE,
        prepare=housed, events=(),
    ),
    ErrandStory(
        "service: restart", "service", look_after("restart"), HOUSE, prepare=housed, reason="restarted",
        events=("station.restart asked",),
    ),
    ErrandStory(
        "service: thought better of a restart, and one that cannot be", "service", look_after("restart", restart="back"),
        HOUSE, prepare=housed, events=(),
    ),
    ErrandStory(
        "service: a restart that cannot be", "service", look_after("restart", no_restart="next"), HOUSE,
        prepare=machine(restarts=False), events=("station.restart refused",),
    ),
    ErrandStory(
        "service: reset", "service", look_after("reset", **ERASED), HOUSE, prepare=housed, reason="restarted",
        events=("station.reset asked",), views=(*HERE, "service.reset", "service.reset_sure"), troubled=True,
    ),
    ErrandStory(
        "service: thought better of a reset", "service", look_after("reset", reset="back"), HOUSE, prepare=housed, events=(),
    ),
    ErrandStory(
        "service: thought better of a reset at its second question", "service",
        look_after("reset", reset="go_on", reset_sure="back"), HOUSE, prepare=housed, events=(),
    ),
    ErrandStory(
        "service: a reset that would lose events, and is left", "service",
        look_after("reset", **ERASED, reset_unsent="back"), HOUSE, prepare=machine(resets=("not_sent",)),
        events=("station.reset not_sent",),
    ),
    ErrandStory(
        "service: a reset that loses events", "service", look_after("reset", **ERASED, reset_unsent="erase"), HOUSE,
        prepare=machine(resets=("not_sent", "asked")), reason="restarted",
        events=("station.reset not_sent", "station.reset asked"),
    ),
    ErrandStory(
        "service: a reset that cannot be", "service", look_after("reset", **ERASED, no_restart="next"), HOUSE,
        prepare=machine(resets=("refused",)), events=("station.reset refused",),
    ),
    ErrandStory(
        "service: where no station runs", "service", look_after(**{"stop.no_menu": "end"}), HOUSE, outcome="refused",
        reason="no_menu", events=(),
    ),
]  # fmt: skip
