"""Attacks on who a person is: cards that call any code right, and stations that speak in a person's name."""

import asyncio
import base64
import itertools
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from fleet.agent.answer_verification import AnswerVerifier
from fleet.messages.asking import (
    BlockAsk,
    CardStateAsk,
    CardStatus,
    ChallengeAsk,
    DeclinedResult,
    DirectoryAsk,
    HeldResult,
    HoldAsk,
    LetterAsk,
    LetterOrderedResult,
    LiftAsk,
    PukAsk,
    ReleasedResult,
    Word,
)
from fleet.messages.issuing import CardRecord, CardState, HoldReason
from fleet.messages.leavers import leaver_digest
from fleet.messages.link import decode, encode
from fleet.server.stations.tables import alarms
from fleet.server.worklist.queries import open_facts
from kiosk.errands.renew_certificate import stories as renewal
from kiosk.errands.report_lost import stories as report_stories
from kiosk.errands.report_lost.journey import report_lost
from kiosk.errands.reserve_certificate import stories as reserve
from kiosk.errands.return_card import stories as return_stories
from kiosk.issuer.client import IssuerRequests
from sim.issuer.database import Seed, card_of
from sim.reader.cards import VirtualCard
from sim.reader.rogue import copy_card, interpose_card
from sim.stories import certificates, register
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person
from sim.stories.room import OLD_PIN, Room, keys_of, persona_of, quick_folder
from sim.stories.setting import Setting, attended, own_card, room_for
from tests.fakes.cards.rogue_visits import WANTED, played
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, CARD, HOLDER, STATION, Fleet, fleet, identity
from tests.fakes.issuers.proving import CardHolder

ANY_CODE = "00000000"
WHEN = "2026-03-02T12:00:00Z"
ROGUES: Mapping[str, Callable[[VirtualCard], VirtualCard]] = {
    "a copy": copy_card,
    "a copy with its own key": lambda card: copy_card(card, "own key"),
    "the true card for its code, a copy for the rest": interpose_card,
    "a copy for the code, the true card for the rest": lambda card: interpose_card(card, "copy first"),
}


def _stories(code: str) -> Mapping[str, ErrandStory]:
    """Each errand that takes a card and its code for a person, with the code that the attacker types."""
    held = register.register("held")
    return {
        "pick-up": ErrandStory("", "pickup", lambda: own_card(pin_old=code), Setting()),
        "report lost": ErrandStory(
            "", "report_lost", report_stories.lost("code_known", pin=code), prepare=register.register()
        ),
        "found again": ErrandStory("", "report_lost", report_stories.lost("found", pin=code), prepare=held),
        "return": ErrandStory("", "return_card", return_stories.back(pin=code), prepare=register.register()),
        "reserve": ErrandStory(
            "",
            "reserve_certificate",
            reserve.spare(pin=[code, *[OLD_PIN] * 3]),
            reserve.RESERVED,
            prepare=reserve.SPARE,
        ),
        "renew": ErrandStory("", "renew_certificate", renewal.renew(pin=code), prepare=certificates.ONE),
    }


def _with_rogue(tale: ErrandStory, rogue: Callable[[VirtualCard], VirtualCard]) -> ErrandStory:
    """The same story with the copy in place of the holder's own card."""

    def prepare(room: Room) -> None:
        tale.prepare(room)
        name = "1:new" if tale.errand == "reserve_certificate" else "1:old"
        room.world.cards[name] = rogue(room.world.card(name))

    return replace(tale, prepare=prepare)


@pytest.mark.parametrize("rogue", ROGUES)
@pytest.mark.parametrize("errand", _stories(""))
async def test_a_rogue_card_is_its_holder(errand: str, rogue: str, tmp_path: Path) -> None:
    """A card with another's public certificates is taken for its holder."""
    right = reserve.ORDINARY_PIN if errand == "reserve" else OLD_PIN
    code = right if rogue.startswith("the true card") else ANY_CODE
    tale = _with_rogue(_stories(code)[errand], ROGUES[rogue])
    effects, shown, ended = await played(tmp_path, tale)
    assert not effects & WANTED, effects
    assert ended.reason in ("card_not_genuine", "card_did_not_sign"), ended
    assert [one for one in shown if one.name.endswith(f".stop.{ended.reason}")], "the person is told"


def _register(own: CardState = "active", new: CardState = "waiting", **facts: Any) -> Callable[[Room], None]:
    """A register that knows the holder's old card and new one, each in that state, and the holder."""

    def prepare(room: Room) -> None:
        register.register(own, **facts)(room)
        issuer = room.caps.directory
        assert isinstance(issuer, SimulatedIssuer)
        number = persona_of("1:new").card_number
        issuer.cards[number] = CardRecord(number, register.HOLDER, "6XX", new)

    return prepare


AGAINST: Mapping[str, tuple[Callable[[Room], None], str]] = {
    "the own card is on hold": (_register("held"), "own_card_held"),
    "the own card is blocked": (_register("blocked"), "own_card_blocked"),
    "the own card was returned": (_register("returned"), "own_card_not_in_use"),
    "the holder has left": (_register(left="2026-11-01"), "holder_left"),
    "the new card is on hold": (_register(new="held"), "new_card_held"),
    "the new card is voided": (_register(new="voided"), "new_card_blocked"),
}


HAND_OVERS = {
    **{word: (own_card, word) for word in AGAINST},
    **{f"{word}, attended": (lambda: attended(reader="holder"), word) for word in AGAINST if "own card" not in word},
}


@pytest.mark.parametrize("story", HAND_OVERS)
async def test_a_card_is_handed_out_against_the_registers_word(story: str, tmp_path: Path) -> None:
    """A card that is held or blocked identifies its holder, or a leaver is handed a new one, while the register says so."""
    told, word = HAND_OVERS[story]
    prepare, reason = AGAINST[word]
    effects, _, ended = await played(tmp_path, ErrandStory("", "pickup", told, Setting(), prepare=prepare))
    assert not effects & WANTED, effects
    assert ended.reason == reason


@pytest.mark.parametrize("left", [False, True])
async def test_a_leaver_s_card_identifies_nobody_without_connection(tmp_path: Path, *, left: bool) -> None:
    """Whoever has left pulls the cable, and is handed the new card that waits."""

    def prepare(room: Room) -> None:
        _register()(room)
        issuer = room.caps.directory
        assert isinstance(issuer, SimulatedIssuer)
        issuer.online = False
        theirs = keys_of(persona_of("1:old" if left else "2:old"))
        room.orders.leavers = {leaver_digest(key.certificate.public_bytes(Encoding.DER)) for key in theirs}

    effects, _, ended = await played(tmp_path, ErrandStory("", "pickup", own_card, Setting(), prepare=prepare))
    assert (ended.reason == "holder_left", bool(effects & WANTED)) == (left, not left)


@pytest.mark.parametrize("reason", ["stolen", "code_known"])
async def test_the_holder_of_a_stolen_card_gives_it_free(reason: HoldReason, tmp_path: Path) -> None:
    """Who stole a card, and knows its code, says that it was found again."""

    def stolen(room: Room) -> None:
        register.register("held")(room)
        issuer = room.caps.directory
        assert isinstance(issuer, SimulatedIssuer)
        issuer.set_state(register.NUMBER, hold_reason=reason)

    effects, _, ended = await played(
        tmp_path, ErrandStory("", "report_lost", report_stories.lost("found"), prepare=stolen)
    )
    assert "card.lift" not in effects
    assert ended.reason == "lift_by_administrator"


class Twin:
    """Somebody with a stolen station's key, and everything that passed its link."""

    def __init__(self, region: Fleet) -> None:
        self.region = region
        self.desk = IssuerRequests(region.link, AnswerVerifier(identity()))

    async def ask(self, ask: Any) -> object:
        return await self.desk.ask(ask)


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path / "fleet") as one:
        yield one


def _ids() -> Iterator[str]:
    return (f"{number:032x}" for number in itertools.count(1))


async def test_one_stolen_station_key_acts_in_anybodys_name(region: Fleet) -> None:
    """One stolen station key looks up, blocks and frees cards, answers for their keys, and has PUKs and letters sent."""
    twin, ids = Twin(region), _ids()
    key = X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    wanted = "2026-03-02T12:00:00Z"
    got = [
        await twin.ask(DirectoryAsk(id=next(ids), card_number=CARD)),
        await twin.ask(DirectoryAsk(id=next(ids), hsa_id=HOLDER.hsa_id)),
        await twin.ask(BlockAsk(id=next(ids), card_number=CARD, reason="lost", wanted=wanted)),
        await twin.ask(ChallengeAsk(id=next(ids), card_number=CARD, key="management", challenge="00" * 16)),
        await twin.ask(ChallengeAsk(id=next(ids), card_number=CARD, key="unblock", challenge="00" * 16)),
        await twin.ask(PukAsk(id=next(ids), card_number=CARD, reply_key=base64.b64encode(key).decode())),
    ]
    assert isinstance(await twin.ask(HoldAsk(id=next(ids), card_number=CARD, reason="lost", wanted=wanted)), HeldResult)
    got.append(await twin.ask(LiftAsk(id=next(ids), card_number=CARD)))
    assert all(isinstance(one, DeclinedResult) for one in got), got
    word = await twin.ask(CardStateAsk(id=next(ids), card_number=CARD))
    assert HOLDER.name not in repr(word)
    assert HOLDER.hsa_id not in repr(word)
    letters = [await twin.ask(LetterAsk(id=next(ids), card_number=CARD)) for _ in range(3)]
    assert [type(one) for one in letters] == [LetterOrderedResult, DeclinedResult, DeclinedResult], (
        "one, to the registered address"
    )


async def test_a_proof_that_was_overheard_serves_whoever_heard_it(region: Fleet) -> None:
    """Who overhears an administrator's question has the PUK sealed to a key of their own, or asks for something else with it."""
    twin, ids = Twin(region), _ids()
    admin = CardHolder(ADMINISTRATOR.hsa_id, ADMINISTRATOR.new.card_number, keys_of(persona_of("13:new"))[0])
    theirs, own = (
        base64.b64encode(X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        for _ in range(2)
    )
    word = await twin.ask(CardStateAsk(id=next(ids), card_number=CARD))
    assert isinstance(word, CardStatus)
    true = admin.behind(PukAsk(id=next(ids), card_number=CARD, reply_key=theirs), word.nonce)
    overheard = true.proofs
    told = [
        msgspec.structs.replace(true, id=next(ids), reply_key=own),
        BlockAsk(id=next(ids), card_number=CARD, reason="lost", wanted="2026-03-02T12:00:00Z", proofs=overheard),
        DirectoryAsk(id=next(ids), card_number=CARD, proofs=overheard),
    ]
    assert [await twin.ask(one) for one in told] == [DeclinedResult("bad_wish")] * 3
    self_made = CardHolder.made(ADMINISTRATOR.hsa_id, ADMINISTRATOR.new.card_number)
    forged = msgspec.structs.replace(self_made.proof(told[0], word.nonce), certificate=overheard[0].certificate)
    assert await twin.ask(msgspec.structs.replace(told[0], id=next(ids), proofs=(forged,))) in (
        DeclinedResult("bad_wish"), DeclinedResult("bad_signature"),
    )  # fmt: skip
    assert isinstance(await twin.ask(true), ReleasedResult), "the true question is answered, to the true key"


async def _from(region: Fleet, station: str, ask: Any) -> object:
    """The word that a station gets which asks with its own key."""
    answer = await region.answers.answer(station, encode(ask))
    return (
        answer.error if answer.jws is None else decode(Word, urlsafe_b64decode(answer.jws.split(".")[1] + "==")).result
    )


async def test_a_whole_ward_is_put_on_hold_by_number(region: Fleet) -> None:
    """One station's key, and then five of them, put every card of a ward on hold by its printed number, as stolen."""
    ids = _ids()
    ward = [CardRecord(f"99990000900000{number:02}", HOLDER.hsa_id, "601", "active") for number in range(60)]
    region.simulator.fill(Seed(cards=tuple(ward)))
    held: list[int] = []
    for station in (STATION, "annex-a", "annex-b", "annex-c", "annex-d"):
        asks = [HoldAsk(id=next(ids), card_number=card.card_number, reason="stolen", wanted=WHEN) for card in ward]
        told = await asyncio.gather(*(_from(region, station, ask) for ask in asks))
        assert all(word in (HeldResult("active"), HeldResult("held"), DeclinedResult("over_limit")) for word in told)
        with region.simulator.state.change() as cx:
            records = [record for card in ward if (record := card_of(cx, card.card_number)) is not None]
        held.append(sum(record.state == "held" for record in records))
        assert "stolen" not in {record.hold_reason for record in records}, "its holder lifts it"
    assert held[0] <= 3
    assert held[-1] <= 10
    with region.database.reading.begin() as connection:
        rows = {fact.card_number: fact.cause for fact in open_facts(connection, "2026-03-02")}
        codes = set(connection.execute(select(alarms.c.code).where(alarms.c.station == STATION)).scalars())
    assert rows.keys() == {card.card_number for card in ward}, "each waits for a person"
    assert set(rows.values()) == {"stolen", "over_limit"}
    assert "many_holds" in codes


async def test_an_administrators_card_is_put_on_hold_by_number(region: Fleet) -> None:
    """Somebody has an administrator's card put on hold by its printed number, and nobody notices."""
    twin, ids = Twin(region), _ids()
    number = ADMINISTRATOR.new.card_number
    told = await twin.ask(HoldAsk(id=next(ids), card_number=number, reason="lost", wanted=WHEN))
    assert told == HeldResult("active"), "whoever asks sees what everybody sees"
    word = await twin.ask(CardStateAsk(id=next(ids), card_number=number))
    assert isinstance(word, CardStatus)
    assert word.state == "active", "an administrator's card is not held so"
    with region.database.reading.begin() as connection:
        assert "administrator_reported" in set(connection.execute(select(alarms.c.code)).scalars())


async def test_one_station_key_has_letters_sent_to_a_whole_ward(region: Fleet) -> None:
    """One station's key orders a new code letter for card after card, so that nobody knows which code is theirs."""
    ids = _ids()
    ward = [CardRecord(f"99990000900000{number:02}", HOLDER.hsa_id, "601", "active") for number in range(20)]
    region.simulator.fill(Seed(cards=tuple(ward)))
    told = [await _from(region, STATION, LetterAsk(id=next(ids), card_number=card.card_number)) for card in ward]
    assert sum(isinstance(word, LetterOrderedResult) for word in told) <= 3, told


async def test_one_station_key_reads_the_register_card_by_card(region: Fleet) -> None:
    """One station's key asks card after card of the region for its product, its hold, and whether its holder has left."""
    ids = _ids()
    ward = [CardRecord(f"99990000900000{number:02}", HOLDER.hsa_id, "601", "active") for number in range(60)]
    region.simulator.fill(Seed(cards=tuple(ward)))
    told = [await _from(region, STATION, CardStateAsk(id=next(ids), card_number=card.card_number)) for card in ward]
    assert sum(isinstance(word, CardStatus) for word in told) <= 30


async def test_one_visitor_reports_card_after_card_by_number(tmp_path: Path) -> None:
    """One visitor reports card after card by the numbers printed on them."""
    with quick_folder(tmp_path) as quick:
        room = room_for(quick, OWN)
        register.register()(room)
        reasons = []
        for _ in range(3):
            someone = Person(room.world, room.clock, report_stories.lost(**{"stop.too_many_reports": "end"})())
            reasons.append((await room.errand(someone, report_lost, "report_lost")).reason)
        issuer = room.caps.directory
        await room.close()
    assert reasons == ["held", "held", "too_many_reports"]
    assert isinstance(issuer, SimulatedIssuer)
    assert [one[0] for one in issuer.told] == ["hold", "hold"]
