"""A card is a slow device: how many exchanges each piece of work takes, and a card that is back costs less."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from drivers.reader.card_cache import MAX_AGE_S, MAX_CARDS, CardCache
from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, try_card, visiting
from drivers.reader.outcomes import Accepted, Role, WrongCode
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.kinds import KINDS
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW

PIN = Role.IDENTIFICATION
NEW, WRONG = Secret("975318"), Secret("111999")
FILES = {"A": 8, "B": 9}
"""Exchanges of identification, the bytes of certificates left out: docs/cards.md says what each is for."""
PIV = {"C": 4, "D": 6}
"""As FILES; of kind D, which answers at full length, with the certificates."""
AGAIN = {"A": 5, "B": 6, "C": 4, "D": 5}
AFTER = 3
"""Exchanges to change or unblock a PIN once the card is identified: the same-card check, the tries, the command."""
LIKE_MYEID = ("padded-files", "no-sfi", "batch-serial", "trusted-list", "no-puk-object")
BY_TRAIT = (
    # kind, traits, the first card of a product, the next one (without the bytes of certificates), the same one again
    ("B", LIKE_MYEID, 13, 14, 6),
    ("B", (*LIKE_MYEID, "one-certificate"), 12, 13, 6),
    ("B", ("padded-files", "no-sfi", "no-puk-object", "one-certificate"), 12, 11, 6),
    ("A", ("padded-ff", "no-sfi-6a82", "trusted-list"), 13, 12, 6),
    ("B", ("padded-ff",), 9, 9, 6),
    ("B", ("padded-files", "no-sfi", "t0", "trusted-list"), 15, 14, 8),
    ("B", ("t0",), 13, 13, 7),
    ("B", ("select-path-09", "select-df-01", "no-sfi"), 18, 13, 7),
    ("B", ("select-no-answer",), 10, 9, 6),
    ("B", ("no-path-select", "select-ef-02"), 10, 9, 6),
    ("C", ("no-serial",), 4, 4, 4),
    ("C", ("t0",), 9, 9, 7),
)


class Station:
    """One reader, and the cards that are put into it."""

    def __init__(self, profiles: Profiles | None = None) -> None:
        self.slot = VirtualSlot("Bench 0")
        settings = ReaderSettings(now=lambda: NOW, profiles=profiles or builtin())
        self.reader = CardReader(InProcessBackend([self.slot]), "Bench 0", settings)

    @asynccontextmanager
    async def visited_by(self, card: VirtualCard) -> AsyncIterator[CardVisit]:
        self.slot.insert(card)
        try:
            async with visiting(self.reader) as visit:
                yield visit
        finally:
            self.slot.remove()


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    station = Station()
    yield station
    await station.reader.close()


@pytest.fixture
def made(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, order: int = 6, traits: tuple[str, ...] = (), **changed: str) -> VirtualCard:
        persona = replace(person(order).new, **changed)  # type: ignore[arg-type]
        return VirtualCard.create(persona, authority, NOW, kind=kind, traits=traits)

    return make


def parts(visit: CardVisit) -> int:
    """Answers of 256 bytes that the card's certificates take."""
    return sum(math.ceil(len(certificate.der) / 256) for certificate in visit.facts.certificates)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_is_identified_in_few_exchanges(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    async with station.visited_by(made(kind)) as visit:
        spent, facts = visit.exchange.apdus, visit.facts
        assert len(facts.certificates) >= 2, "every certificate is read, not only the one that says whose card it is"
        if kind in FILES:
            assert spent == FILES[kind] + parts(visit)
        else:
            assert spent == PIV[kind] + (0 if KINDS[kind].extended else parts(visit))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_is_back_is_recognised(station: Station, made: Callable[..., VirtualCard], kind: str) -> None:
    card = made(kind)
    async with station.visited_by(card) as visit:
        first = visit.facts
    async with station.visited_by(card) as visit:
        assert visit.exchange.apdus == AGAIN[kind]
        assert visit.facts == first
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert (await try_card(visit, "signature")).outcome is not None


@pytest.mark.parametrize(("kind", "traits", "first", "following", "again"), BY_TRAIT)
async def test_a_card_with_the_ways_of_a_real_product_is_identified_in_few_exchanges(
    station: Station, made: Callable[..., VirtualCard], kind: str, traits: tuple[str, ...], first: int, following: int,
    again: int,
) -> None:  # fmt: skip
    cards = [made(kind, order, traits) for order in (6, 7)]
    spent = []
    for card in cards:
        async with station.visited_by(card) as visit:
            assert visit.facts.holder.hsa_id == card.persona.hsa_id
            spent.append(visit.exchange.apdus - parts(visit))
    async with station.visited_by(cards[1]) as visit:
        assert visit.exchange.apdus == again
    assert spent == [first, following]


@pytest.mark.parametrize("kind", KINDS)
async def test_change_and_unblock_take_three_exchanges(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    async with station.visited_by(card) as visit:
        before = visit.exchange.apdus
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert visit.exchange.apdus - before == AFTER
    card.lock()
    async with station.visited_by(card) as visit:
        before = visit.exchange.apdus
        assert isinstance(await visit.unblock(PIN, Secret(card.persona.puk), NEW), Accepted)
        assert visit.exchange.apdus - before <= AFTER


async def test_a_dfs_codes_take_no_more_where_a_path_is_not_known_to_enter_it(made: Callable[..., VirtualCard]) -> None:
    """The codes of kind B are local: their DF has to be the current one. Its files are selected by their identifiers."""
    tables = builtin().match_name("virtual-b").model_dump()
    tables["commands"] |= {"file_enters_its_df": False}
    station, card = Station(Profiles([Profile.model_validate(tables)])), made("B", traits=("no-sfi", "padded-files"))
    async with station.visited_by(card) as visit:
        before = visit.exchange.apdus
        assert before == 14 + parts(visit)
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert visit.exchange.apdus - before == AFTER
    await station.reader.close()


async def test_a_card_that_tells_no_tries_is_sent_nothing_to_show_them(made: Callable[..., VirtualCard]) -> None:
    """Its codes' DF was selected for nothing: one exchange of every identification of an unknown product."""
    station, card = Station(Profiles([builtin().match_name("pkcs15")])), made("A", traits=("no-sfi",))
    async with station.visited_by(card) as visit:
        assert visit.exchange.apdus == 14 + parts(visit)
        assert [entry.ins for entry in card.log][-1] == "READ BINARY"
        assert await visit.verify(PIN, Secret(card.persona.pin), last_try_consented=True) == Accepted()
    await station.reader.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_tries_are_asked_of_the_card_itself_each_time(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    for _ in range(2):
        async with station.visited_by(card) as visit:
            pin = visit.facts.pin(PIN)
            assert pin is not None
            assert pin.tries_left == card.tries_left[0]
            assert isinstance(await visit.verify(PIN, WRONG), WrongCode)


@pytest.mark.parametrize("kind", KINDS)
async def test_another_card_of_the_same_serial_is_another_card(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    """Serial numbers may be constant."""
    first, second = made(kind), made(kind, 7, serial=person(6).new.serial)
    async with station.visited_by(first) as visit:
        assert visit.facts.holder.hsa_id == first.persona.hsa_id
    async with station.visited_by(second) as visit:
        assert visit.facts.holder.hsa_id == second.persona.hsa_id
        assert visit.facts.card_number == second.persona.card_number


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_is_back_is_still_checked_before_it_is_changed(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    async with station.visited_by(card):
        pass
    async with station.visited_by(card) as visit:
        before = len(card.log)
        await visit.change(PIN, Secret(card.persona.pin), NEW)
        assert any(entry.ins in ("READ BINARY", "GET DATA") for entry in card.log[before:])


@pytest.mark.parametrize("kind", FILES)
async def test_a_card_that_is_back_without_its_certificate_is_read_anew(
    station: Station, made: Callable[..., VirtualCard], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = made(kind)
    async with station.visited_by(card) as visit:
        assert [c.purpose for c in visit.facts.certificates] == ["identification", "signature"]
    answers = card.transmit
    monkeypatch.setattr(card, "transmit", lambda apdu: b"\x6a\x82" if b"\x43\x01" in apdu else answers(apdu))
    async with station.visited_by(card) as visit:
        assert [c.purpose for c in visit.facts.certificates] == ["signature"]


def test_what_is_remembered_grows_old_and_is_bounded() -> None:
    now = [0.0]
    memory = CardCache[str](lambda: now[0])
    for number in range(MAX_CARDS + 1):
        memory.keep(bytes((number,)), "files")
    assert memory.recall(b"\x00") is None, "the first had to go"
    assert memory.recall(b"\x01") == "files"
    memory.forget(b"\x01")
    assert memory.recall(b"\x01") is None
    now[0] = MAX_AGE_S
    assert memory.recall(b"\x02") is None
