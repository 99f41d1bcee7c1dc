"""The in-process reader is a reader like any other: held by one, seen by many, and nobody waits in it for ever."""

import threading

import pytest

from drivers.reader.errors import CardBusyError, CardGoneError, MuteCardError, NoCardError, NoReaderError
from drivers.reader.port import Look, Presence
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot
from sim.stories.patience import LIMIT_S

NAME = "Bench 0"


@pytest.fixture
def backend(slot: VirtualSlot) -> InProcessBackend:
    return InProcessBackend([slot])


def test_a_card_is_held_by_one_at_a_time(backend: InProcessBackend, slot: VirtualSlot) -> None:
    held = backend.connect(NAME)
    with pytest.raises(CardBusyError):
        backend.connect(NAME)
    held.close()
    held.close()
    with pytest.raises(CardGoneError):
        held.transmit(b"\x00\xa4\x00\x00")
    backend.connect(NAME).close()
    slot.remove()
    with pytest.raises(NoCardError):
        backend.connect(NAME)


def test_a_card_that_was_put_in_backwards_is_mute(backend: InProcessBackend, slot: VirtualSlot) -> None:
    card = slot.card
    assert isinstance(card, VirtualCard)
    slot.remove()
    slot.insert(card, upside_down=True)
    assert backend.look(NAME).presence is Presence.MUTE
    with pytest.raises(MuteCardError):
        backend.connect(NAME)


def test_a_reader_that_is_not_there_is_told(backend: InProcessBackend) -> None:
    assert backend.readers() == (NAME,)
    assert backend.look("Bench 1").presence is Presence.NO_READER
    assert backend.wait_for_change("Bench 1", Look(Presence.EMPTY), 60.0).presence is Presence.NO_READER
    backend.cancel("Bench 1")
    with pytest.raises(NoReaderError):
        backend.connect("Bench 1")


def test_a_wait_ends_with_its_time_and_with_a_cancel_that_came_before_it(backend: InProcessBackend) -> None:
    assert backend.wait_for_change(NAME, backend.look(NAME), 0.0).presence is Presence.PRESENT
    backend.cancel(NAME)
    assert backend.wait_for_change(NAME, backend.look(NAME), 60.0).presence is Presence.PRESENT


def test_a_reader_whose_cable_is_pulled_is_told_to_whoever_waits_for_it(
    backend: InProcessBackend, slot: VirtualSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot.changed, "wait", lambda timeout_s: backend.unplug(NAME))
    assert backend.wait_for_change(NAME, backend.look(NAME), 60.0).presence is Presence.NO_READER


def test_a_cancel_wakes_whoever_waits(backend: InProcessBackend, slot: VirtualSlot) -> None:
    seen: list[Look] = []
    thread = threading.Thread(target=lambda: seen.append(backend.wait_for_change(NAME, backend.look(NAME), 60.0)))
    thread.start()
    while thread.is_alive():
        backend.cancel(NAME)
        thread.join(0.01)
    assert [look.presence for look in seen] == [Presence.PRESENT]


def test_a_change_wakes_whoever_waits(backend: InProcessBackend, slot: VirtualSlot) -> None:
    assert backend.wait_for_change(NAME, Look(Presence.EMPTY), 60.0).presence is Presence.PRESENT
    seen: list[Look] = []
    thread = threading.Thread(target=lambda: seen.append(backend.wait_for_change(NAME, backend.look(NAME), 60.0)))
    thread.start()
    slot.remove()
    thread.join(LIMIT_S)
    assert [look.presence for look in seen] == [Presence.EMPTY]
