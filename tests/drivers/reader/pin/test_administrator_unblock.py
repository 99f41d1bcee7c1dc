"""A PIN unlocked without its PUK, by somebody who has the administrative key and never shows it."""

import asyncio
from collections.abc import Callable

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.errors import CardAnswerError, CardChangedError, CardGoneError, ReaderError
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Unknown, WrongAnswer
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.secret import Secret
from sim.reader.administrative_key import TRIES, answer_to, key_of
from sim.reader.cards import VirtualCard
from sim.reader.command_apdu import Ins
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

PIN = Role.IDENTIFICATION
NEW = Secret("975318")


class Administrator:
    """Whoever has the keys of all made-up cards, or a wrong one; remembers what was asked."""

    def __init__(self, card: VirtualCard, *, wrong: bool = False) -> None:
        self._key = key_of("00" if wrong else card.persona.serial)
        self.asked: list[bytes] = []

    async def __call__(self, challenge: bytes) -> bytes:
        self.asked.append(challenge)
        return answer_to(challenge, self._key)


def key_tries(card: VirtualCard) -> int:
    key = card.memory.administrator
    assert key is not None
    return key.tries_left


async def test_a_dead_puk_and_a_locked_pin_are_no_end(reader: CardReader, card: VirtualCard) -> None:
    card.codes.pin.tries_left = card.codes.puk.tries_left = 0
    administrator = Administrator(card)
    async with visiting(reader) as visit:
        assert visit.facts.rules.administrable
        assert await visit.unblock_by_administrator(PIN, NEW, administrator) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert [len(challenge) for challenge in administrator.asked] == [16]
        assert await visit.unblock_by_administrator(PIN, Secret("583921"), administrator) == Accepted()
    assert len(set(administrator.asked)) == 2, "every challenge is new"
    assert card.tries_left == (3, 0)


async def test_at_most_five_exchanges_beyond_the_check_of_the_card(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        card.log.clear()
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card)) == Accepted()
        names = [entry.ins for entry in card.log]
        assert [name for name in names if name in ("GET CHALLENGE", "EXTERNAL AUTHENTICATE", "RESET RETRY COUNTER")]
        at = names.index("GET CHALLENGE")
        assert names[at + 1] == "EXTERNAL AUTHENTICATE", "nothing in between"
        assert names[-1] == "RESET RETRY COUNTER"
        assert len(names) <= 7


async def test_a_wrong_key_stops_at_its_floor_and_the_card_is_not_asked_any_more(
    reader: CardReader, card: VirtualCard
) -> None:
    administrator = Administrator(card, wrong=True)
    async with visiting(reader) as visit:
        outcomes = [await visit.unblock_by_administrator(PIN, NEW, administrator) for _ in range(4)]
        below = Refused(RefusalReason.BELOW_FLOOR)
        assert outcomes == [WrongAnswer(4), WrongAnswer(3), below, below]
        assert len(administrator.asked) == 2
    async with visiting(reader) as visit:
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card)) == below, "counted by the station"
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted(), "the PIN is as it was"
    assert key_tries(card) == 3


@pytest.mark.parametrize("word", [0x6982, 0x6A80, 0x6985])
async def test_a_card_that_says_wrong_in_other_words_is_not_asked_for_ever(
    reader: CardReader, card: VirtualCard, monkeypatch: pytest.MonkeyPatch, word: int
) -> None:
    administrator, real = Administrator(card, wrong=True), card.transmit

    def transmit(apdu: bytes) -> bytes:
        answer = real(apdu)
        return word.to_bytes(2, "big") if apdu[1] == 0x82 else answer

    monkeypatch.setattr(card, "transmit", transmit)
    async with visiting(reader) as visit:
        outcomes = [await visit.unblock_by_administrator(PIN, NEW, administrator) for _ in range(4)]
    assert outcomes == [Refused(RefusalReason.CARD, word)] * 2 + [Refused(RefusalReason.BELOW_FLOOR)] * 2
    assert key_tries(card) == 3


async def test_a_right_answer_gives_the_key_its_tries_again(
    reader: CardReader, card: VirtualCard, ledger: MemoryLedger
) -> None:
    async with visiting(reader) as visit:
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card, wrong=True)) == WrongAnswer(4)
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card)) == Accepted()
    assert ledger.used(card.persona.card_number, "administrator") == 0
    assert key_tries(card) == TRIES


async def test_what_may_not_be_a_pin_is_refused_before_the_card_is_asked(reader: CardReader, card: VirtualCard) -> None:
    administrator = Administrator(card)
    async with visiting(reader) as visit:
        card.log.clear()
        for code in ("1234", "123456789", "abcdef", "111111", ""):
            outcome = await visit.unblock_by_administrator(PIN, Secret(code), administrator)
            assert outcome == Refused(RefusalReason.POLICY)
        outcome = await visit.unblock_by_administrator(Role.PUK, NEW, administrator)
        assert outcome == Refused(RefusalReason.NOT_ALLOWED)
        assert (administrator.asked, card.log) == ([], [])


@pytest.mark.parametrize("kind", ["A", "C", "D"])
async def test_a_card_without_such_a_key_is_not_asked(authority: TestAuthority, kind: str) -> None:
    """PIV has no command for it: its RESET RETRY COUNTER wants the PUK."""
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind)
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: NOW))
    administrator = Administrator(card)
    async with visiting(reader) as visit:
        card.log.clear()
        assert not visit.facts.rules.administrable
        outcome = await visit.unblock_by_administrator(PIN, NEW, administrator)
        assert outcome == Refused(RefusalReason.NOT_ALLOWED)
        assert (administrator.asked, card.log) == ([], [])
    await reader.close()


async def test_an_answer_of_a_wrong_length_never_reaches_the_card(reader: CardReader, card: VirtualCard) -> None:
    async def short(challenge: bytes) -> bytes:
        return challenge[:8]

    async with visiting(reader) as visit:
        assert await visit.unblock_by_administrator(PIN, NEW, short) == Refused(RefusalReason.POLICY)
    assert key_tries(card) == TRIES


async def test_without_an_answer_nothing_happens_and_the_visit_goes_on(reader: CardReader, card: VirtualCard) -> None:
    async def nobody(_challenge: bytes) -> bytes:
        raise ConnectionError("no link")

    async def never(_challenge: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with visiting(reader) as visit:
        with pytest.raises(ConnectionError):
            await visit.unblock_by_administrator(PIN, NEW, nobody)
        waiting = asyncio.ensure_future(visit.unblock_by_administrator(PIN, NEW, never))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(waiting, 0.01)
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
    assert key_tries(card) == TRIES


async def test_a_card_that_leaves_while_it_is_answered_is_gone(
    reader: CardReader, card: VirtualCard, slot: VirtualSlot
) -> None:
    async def late(challenge: bytes) -> bytes:
        slot.remove()
        slot.insert(card)
        return await Administrator(card)(challenge)

    async with visiting(reader) as visit:
        outcome: object
        try:
            outcome = await visit.unblock_by_administrator(PIN, NEW, late)
        except ReaderError as fault:
            outcome = type(fault)
        assert outcome in (Unknown(), CardGoneError)
    assert key_tries(card) == TRIES
    async with visiting(reader) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()


async def test_something_else_in_between_costs_no_try(reader: CardReader, card: VirtualCard) -> None:
    """The challenge is no longer the card's: to many cards the right answer would be a wrong one now."""

    async with visiting(reader) as visit:

        async def meanwhile(challenge: bytes) -> bytes:
            await visit.refresh()
            return await Administrator(card)(challenge)

        outcome = await visit.unblock_by_administrator(PIN, NEW, meanwhile)
        assert outcome == Refused(RefusalReason.NOT_ALLOWED)
        assert "EXTERNAL AUTHENTICATE" not in [entry.ins for entry in card.log]
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card)) == Accepted()
    assert key_tries(card) == TRIES


async def test_a_reader_that_goes_on_with_another_card_gives_it_no_pin(
    reader: CardReader, card: VirtualCard, make_card: Callable[..., VirtualCard]
) -> None:
    other = make_card(EC_PERSON + 1)
    other.power_on()
    real = card.transmit

    def transmit(apdu: bytes) -> bytes:
        answer = real(apdu)
        if apdu[1] == Ins.EXTERNAL_AUTHENTICATE:
            card.transmit = other.transmit  # type: ignore[method-assign]
        return answer

    card.transmit = transmit  # type: ignore[method-assign]
    async with visiting(reader) as visit:
        with pytest.raises(CardChangedError):
            await visit.unblock_by_administrator(PIN, NEW, Administrator(card))
    assert other.log
    assert "RESET RETRY COUNTER" not in {entry.ins for entry in other.log}


def answering(card: VirtualCard, start: str, answer: str) -> None:
    """The card answers something else to commands that begin so."""
    real, begins = card.transmit, bytes.fromhex(start)
    card.transmit = lambda apdu: bytes.fromhex(answer) if apdu.startswith(begins) else real(apdu)  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("start", "answer", "expected"),
    [
        ("0084", "6d00", Refused(RefusalReason.CARD, 0x6D00)),
        ("0082", "6983", Locked()),
        ("0082", "6300", WrongAnswer(None)),
        ("0082", "6d00", Refused(RefusalReason.CARD, 0x6D00)),
        ("002c", "6982", Refused(RefusalReason.CARD, 0x6982)),
        ("002c", "63c2", Refused(RefusalReason.CARD)),
    ],
)
async def test_what_the_card_says_is_the_outcome(
    reader: CardReader, card: VirtualCard, start: str, answer: str, expected: object
) -> None:
    answering(card, start, answer)
    async with visiting(reader) as visit:
        assert await visit.unblock_by_administrator(PIN, NEW, Administrator(card)) == expected


@pytest.mark.parametrize("answer", ["9000", "00112233445566779000"])
async def test_a_challenge_that_cannot_be_one_is_not_answered(
    reader: CardReader, card: VirtualCard, answer: str
) -> None:
    answering(card, "0084", answer)
    administrator = Administrator(card)
    async with visiting(reader) as visit:
        with pytest.raises(CardAnswerError, match="another length"):
            await visit.unblock_by_administrator(PIN, NEW, administrator)
    assert administrator.asked == []


async def test_a_key_is_a_cards_own(make_card: Callable[..., VirtualCard]) -> None:
    first, second = make_card(), make_card(EC_PERSON + 1)
    assert key_of(first.persona.serial) != key_of(second.persona.serial)
