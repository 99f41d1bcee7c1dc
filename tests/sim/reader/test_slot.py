"""A card is put into the slot, pulled out and waited for."""

import threading

import pytest

from sim.reader.cards import VirtualCard
from sim.reader.slot import CardTornError, VirtualSlot
from sim.stories.patience import LIMIT_S


def test_each_insertion_is_another_one(card: VirtualCard) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    seen = slot.generation
    assert slot.remove() is card
    slot.insert(card, upside_down=True)
    assert slot.generation == seen + 2
    assert slot.upside_down


def test_a_full_slot_takes_no_second_card_and_an_empty_one_gives_none(card: VirtualCard) -> None:
    slot = VirtualSlot("Bench 0")
    assert slot.remove() is None
    assert slot.generation == 0
    slot.insert(card)
    with pytest.raises(ValueError, match="Bench 0"):
        slot.insert(card)


def test_a_card_that_is_pulled_has_no_power(card: VirtualCard) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    slot.remove()
    with pytest.raises(CardTornError):
        card.transmit(bytes.fromhex("00200001"))


def test_who_waits_is_woken(card: VirtualCard) -> None:
    slot = VirtualSlot("Bench 0")
    waiting, woken = threading.Event(), threading.Event()

    def wait() -> None:
        with slot.changed:
            waiting.set()
            if slot.changed.wait_for(lambda: slot.card is card, timeout=LIMIT_S):
                woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(LIMIT_S)
    slot.insert(card)
    thread.join(LIMIT_S)
    assert woken.is_set()
