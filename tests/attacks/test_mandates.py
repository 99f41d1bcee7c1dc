"""Attacks of a station that is not ours any more, with an administrator's card in its reader: what one log-in gives it."""

import base64
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.agent.answer_verification import AnswerVerifier
from fleet.messages.asking import (
    BlockAsk,
    BlockedResult,
    CardStateAsk,
    CardStatus,
    DeclinedResult,
    DirectoryAsk,
    FoundResult,
    LetterAsk,
    PukAsk,
    ReleasedResult,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.issuers.proofs.nonces import GRAVE_AN_HOUR
from fleet.server.people.queries import replace_administrators
from kiosk.issuer.client import IssuerRequests
from sim.issuer.database import Seed
from sim.stories.administrators import listed
from sim.stories.room import keys_of, persona_of
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, NOW, Fleet, fleet, identity
from tests.fakes.issuers.proving import CardHolder

KEY = base64.b64encode(X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
OWN_ORGANISATION, FOREIGN = ADMINISTRATOR.hsa_id.partition("-")[0], "SE9999999999"
WARD = 40


class Rogue:
    """A station's key, and an administrator's card that signs whatever it is given."""

    def __init__(self, region: Fleet, now: list[datetime]) -> None:
        self.now = now
        self.desk = IssuerRequests(region.link, AnswerVerifier(identity()))
        self.card = CardHolder(ADMINISTRATOR.hsa_id, ADMINISTRATOR.new.card_number, keys_of(persona_of("13:new"))[0])
        self.made = 0

    def wait(self, time: timedelta) -> None:
        self.now[0] += time

    def id(self) -> str:
        self.made += 1
        return f"{self.made:032x}"

    async def nonce_of(self, card_number: str) -> str:
        """The server's, for a mandate about that card; none once it answers no more."""
        word = await self.desk.ask(CardStateAsk(id=self.id(), card_number=card_number))
        return word.nonce if isinstance(word, CardStatus) else "0" * 32

    async def with_mandate(self, ask: Any, nonce: str, *means: str) -> object:
        return await self.desk.ask(self.card.behind(ask, nonce, mandate={"means": means}))

    def puk(self, number: str) -> PukAsk:
        return PukAsk(id=self.id(), card_number=number, reply_key=KEY)

    def block(self, number: str) -> BlockAsk:
        return BlockAsk(id=self.id(), card_number=number, reason="lost", wanted="2026-03-02T12:00:00Z")


def cards(organisation: str) -> list[CardRecord]:
    tens = "1" if organisation == FOREIGN else "2"
    return [
        CardRecord(f"99990000{tens}{number:07}", f"{organisation}-W{number:03}", "601", "active")
        for number in range(WARD)
    ]


@pytest.fixture
async def rogue(tmp_path: Path) -> AsyncIterator[Rogue]:
    """The administrator's scope is this house."""
    now = [NOW]
    async with fleet(tmp_path / "fleet", lambda: now[0]) as region:
        for organisation in (OWN_ORGANISATION, FOREIGN):
            ward = cards(organisation)
            people = tuple(DirectoryPerson(card.hsa_id, "Alva Test") for card in ward)
            region.simulator.fill(Seed(people, tuple(ward), {card.card_number: "91827364" for card in ward}))
        with region.database.writing.begin() as connection:
            replace_administrators(connection, [listed(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name, "entre-*")])
        yield Rogue(region, now)


@pytest.mark.parametrize("organisation", ["the own", "another"])
async def test_one_log_in_has_puks_released(rogue: Rogue, organisation: str) -> None:
    """One administrator's log-in at a rogue station has the PUKs of a ward released."""
    nonce = await rogue.nonce_of(rogue.card.card_number)
    means = ("administrator.login *", "card.puk *")
    ward = cards(OWN_ORGANISATION if organisation == "the own" else FOREIGN)
    said = [await rogue.with_mandate(rogue.puk(card.card_number), nonce, *means) for card in ward]
    assert sum(isinstance(one, ReleasedResult) for one in said) == 0


async def test_one_log_in_looks_up_another_organisation(rogue: Rogue) -> None:
    """One log-in looks up the names of another organisation."""
    nonce = await rogue.nonce_of(rogue.card.card_number)
    means = ("directory.find *", f"directory.find {ADMINISTRATOR.hsa_id}")
    said = [
        await rogue.with_mandate(DirectoryAsk(id=rogue.id(), hsa_id=card.hsa_id), nonce, *means)
        for card in cards(FOREIGN)
    ]
    assert sum(isinstance(one, FoundResult) for one in said) == 0


async def test_one_log_in_leaves_time_bombs(rogue: Rogue) -> None:
    """While an administrator's card is in it signs 300 mandates over nonces of the station's own: blocks for later."""
    every = [*cards(OWN_ORGANISATION), *cards(FOREIGN)]
    bombs = []
    for number in range(300):
        ask = rogue.block(every[number % len(every)].card_number)
        bombs.append(rogue.card.behind(ask, f"{number:032x}", mandate={"means": (f"card.block {ask.card_number}",)}))
    rogue.wait(timedelta(minutes=25))
    said = [await rogue.desk.ask(bomb) for bomb in bombs]
    assert sum(isinstance(one, BlockedResult) for one in said) == 0


async def test_a_card_that_is_left_in_signs_act_after_act(rogue: Rogue) -> None:
    """While an administrator's card is in it signs for card after card, each with the nonce of that card."""
    said = []
    for card in cards(OWN_ORGANISATION):
        ask = rogue.block(card.card_number)
        nonce = await rogue.nonce_of(card.card_number)
        said.append(await rogue.with_mandate(ask, nonce, f"card.block {card.card_number}"))
    assert sum(isinstance(one, BlockedResult) for one in said) == GRAVE_AN_HOUR


async def test_mandates_are_laid_in_stock(rogue: Rogue) -> None:
    """While an administrator's card is in it signs for forty cards at once; they are blocked one by one when it is gone."""
    stock = []
    for card in cards(OWN_ORGANISATION):
        nonce = await rogue.nonce_of(card.card_number)
        means = {"means": (f"card.block {card.card_number}",)}
        stock.append(rogue.card.behind(rogue.block(card.card_number), nonce, mandate=means))
    rogue.wait(timedelta(minutes=1))
    said = [await rogue.desk.ask(one) for one in stock]
    assert sum(isinstance(one, BlockedResult) for one in said) == 1


async def test_one_mandate_serves_act_after_act(rogue: Rogue) -> None:
    """One mandate about one card serves its block, its lift, its PUK and a letter."""
    (card, *_) = cards(OWN_ORGANISATION)
    nonce, number = await rogue.nonce_of(card.card_number), card.card_number
    means = tuple(f"{tag} {number}" for tag in ("card.puk", "card.block", "card.letter"))
    asks = (rogue.puk(number), rogue.puk(number), LetterAsk(id=rogue.id(), card_number=number), rogue.block(number))
    said = [await rogue.with_mandate(ask, nonce, *means) for ask in asks]
    assert [type(one) for one in said] == [ReleasedResult, *[DeclinedResult] * 3]
