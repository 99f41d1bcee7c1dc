"""Attacks by cards: a false new card in the slot, a copy that answers 9000 to everything, a card that is asked the wrong way."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, try_card, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardAnswerError
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.signatures import signing
from fleet.messages.issuing import CardRecord
from fleet.messages.issuing import DirectoryPerson as Directed
from kiosk.errands.report_lost import stories as report_stories
from kiosk.ports import Ended
from kiosk.region import StockRules
from sim.reader import traits
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.rogue import CopiedCard, Signs, copy_card, false_new_card, interpose_card
from sim.reader.signing_traits import UNTOLD
from sim.reader.slot import VirtualSlot
from sim.stories import register
from sim.stories.clock import NOW
from sim.stories.devices import order_of
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import puts_back
from sim.stories.room import Room, authority, keys_of, persona_of, quick_folder
from sim.stories.room import make_card as made
from sim.stories.setting import NEW_PIN, Setting, own_card
from sim.stories.stock import before
from tests.fakes.station.managed_card import proved_by_management_key

KINDS = ("A", "B", "C", "D")
WITH_A_KEY = ("C", "D")
"""Kinds that have a key of the card's own, which wants no code."""


@asynccontextmanager
async def visit_of(card: VirtualCard) -> AsyncIterator[CardVisit]:
    """A visit of that card in a reader of its own, as a station makes it."""
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    trust = TrustStore(authority().anchors(), authority().intermediates())
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trust, now=lambda: NOW))
    try:
        async with visiting(reader) as visit:
            yield visit
    finally:
        await reader.close()


async def passes(card: VirtualCard, pin: str) -> bool:
    """Whether the card passes for its holder's after that PIN."""
    async with visit_of(card) as visit:
        assert await visit.verify(Role.IDENTIFICATION, Secret(pin)) == Accepted()
        try:
            return (await try_card(visit, "identification")).passed
        except CardAnswerError:
            return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signs", ["nothing", "garbage", "own key"])
async def test_a_copy_that_takes_any_pin_passes_the_card_test(kind: str, signs: Signs) -> None:
    """A copy of a card's public files that answers 9000 to everything passes the card test."""
    card = made(persona_of("1:new"), kind)
    assert await passes(card, card.persona.pin)
    assert not await passes(copy_card(card, signs), "00000000")
    assert not await passes(interpose_card(card, signs=signs), card.persona.pin)


@pytest.mark.parametrize("trait", sorted(traits.SIGNING.keys() - {UNTOLD, "pss-only"}))
@pytest.mark.parametrize("algorithm", ["EC-P256", "EC-P384", "RSA-2048"])
async def test_a_product_that_refuses_one_form_of_signature_proves_nobody(
    trait: str, algorithm: str, make_traited: Callable[[str, str], VirtualCard]
) -> None:
    """A product whose key refuses the one form that is tried proves nobody, so that its holder is believed for a PIN. One that
    signs by PSS alone signs nothing without a profile that says so, and its holder is told before any code."""
    card = make_traited(algorithm, trait)
    async with visit_of(card) as visit:
        assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
        assert isinstance(await visit.sign("identification", b"made up"), Signed)
    assert not await passes(copy_card(card, "own key"), "00000000")


async def test_a_reader_that_does_not_look_proves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copied card signs with a key of its own, at a reader whose program does not look at signatures"""
    looks = signing.verifies_with

    def at_the_station(der: bytes, *signed: Any) -> bool:
        return looks(x509.load_der_x509_certificate(der).public_key(), *signed)

    monkeypatch.setattr(signing, "verifies_with", lambda *_: True)
    monkeypatch.setattr("kiosk.issuer.proof_of_possession.verifies", at_the_station)

    def prepare(room: Room) -> None:
        register.register()(room)
        room.world.cards["1:old"] = copy_card(room.world.card("1:old"), "own key")

    tale = ErrandStory("", "report_lost", report_stories.lost("code_known", pin="00000000"), prepare=prepare)
    with quick_folder(tmp_path) as quick:
        room, _, ended = await play(quick, tale)
        told = await room.told()
        await room.close()
    assert not {one.partition(" ")[0] for one in told} & {"card.block", "card.hold"}, told
    assert ended.reason == "card_not_genuine"


async def _picked_up(folder: Path, kind: str, lay: Callable[[Room], None]) -> tuple[list[str], CopiedCard, Ended]:
    """A pick-up in which somebody laid a copy of the new card into its slot: its events, the copy, its end."""
    rogues: list[CopiedCard] = []

    def prepare(room: Room) -> None:
        rogues.append(false_new_card(room.world.card("1:new")))
        room.world.cards["1:new"] = rogues[0]
        lay(room)

    ends = ("new_card_not_genuine", "new_card_heard_codes", "stocked_by_one")
    backs = ("put_back_false", "put_back_unvouched")
    changed = {**{f"stop.{one}": "end" for one in ends}, **{one: puts_back(2, "1:new") for one in backs}}
    tale = ErrandStory("", "pickup", lambda: own_card(**changed), Setting(kind=kind), prepare=prepare)
    with quick_folder(folder) as quick:
        room, _, ended = await play(quick, tale)
        told = await room.told()
        await room.close()
    return told, rogues[0], ended


def by_the_office(room: Room) -> None:
    """The office gave the slot, and nobody knows who laid the card there."""
    profiles = Profiles(one.model_copy(update={"stocked_by": 2}) for one in builtin())
    room.readers[0].settings = replace(room.settings, profiles=profiles)


def alone(room: Room) -> None:
    """One administrator put it in."""
    by_the_office(room)
    before((order_of(1), 2))(room)


def where_two_are_wanted(room: Room) -> None:
    """The office gave the slot, in a region where two administrators put cards in, whatever the product's profile says."""
    room.equip(region=room.caps.region.model_copy(update={"stock": StockRules(two_administrators=True)}))


@pytest.mark.parametrize(
    ("kind", "lay"),
    [(kind, lay) for kind in KINDS for lay in (by_the_office, alone, where_two_are_wanted)],
)  # fmt: skip
async def test_a_false_new_card_hears_puk_and_new_pin(kind: str, lay: Callable[[Room], None], tmp_path: Path) -> None:
    """A false new card that one insider laid into the slot hears PUK and new PIN of the holder."""
    told, rogue, ended = await _picked_up(tmp_path, kind, lay)
    assert rogue.heard == []
    assert not rogue.has_heard(person(1).new.puk)
    assert not rogue.has_heard(NEW_PIN)
    assert ended.reason == ("new_card_not_genuine" if kind in WITH_A_KEY else "stocked_by_one")
    assert "receipt.issued" not in told


@pytest.mark.parametrize("kind", WITH_A_KEY)
async def test_a_false_new_card_is_believed_for_its_management_key(kind: str, tmp_path: Path) -> None:
    """A false new card, of a product whose cards have a management key of their own, takes every answer and hears the codes."""

    rogues: list[CopiedCard] = []

    def by_its_own_key(room: Room) -> None:
        proved_by_management_key(room, bytes(range(24)))
        rogues.append(false_new_card(room.world.card("1:new")))
        room.world.cards["1:new"] = rogues[0]

    told, _, ended = await _picked_up(tmp_path, kind, by_its_own_key)
    assert rogues[0].heard == []
    assert ended.reason == "new_card_not_genuine"
    assert "card.unblock accepted" not in told


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(WITH_A_KEY)))
async def test_a_false_new_card_that_heard_the_codes_passes_for_a_faulty_one(kind: str, tmp_path: Path) -> None:
    """A false new card of a product without a key of its own hears PUK and new PIN, and passes for a faulty one."""
    issuers: list[SimulatedIssuer] = []

    def with_a_register(room: Room) -> None:
        issuers.append(SimulatedIssuer(authority(), room.clock))
        new = person(1).new
        issuers[0].add(Directed(new.hsa_id, new.name), CardRecord(new.card_number, new.hsa_id, "601", "waiting"))
        room.equip(blocking=issuers[0])

    told, _, ended = await _picked_up(tmp_path, kind, with_a_register)
    assert ended.reason == "new_card_heard_codes"
    told = told[told.index("card.hold held") :]
    assert told[1:] == ["card.not_genuine", "slot.reopen opened", "slot.return not_genuine", "ended refused"]
    card = issuers[0].cards[person(1).new.card_number]
    assert (card.state, card.hold_reason) == ("held", "code_known"), "the insider's true card is worth nothing now"


@pytest.fixture(scope="session")
def make_traited() -> Callable[[str, str], VirtualCard]:
    """A card of kind B with a trait, by the algorithm of its keys, which are made once."""

    def make(algorithm: str, trait: str) -> VirtualCard:
        persona = replace(persona_of("1:new"), key_algorithm=algorithm)
        return VirtualCard(fresh_memory("B", persona, authority(), NOW, keys_of(persona), (trait,)))

    return make
