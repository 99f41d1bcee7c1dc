"""What the server answers for the issuer: once, within limits, written down, and never for what it does not trust."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select, update

from fleet.messages.asking import (
    BlockAsk,
    Blocked,
    CertificateAsk,
    ChallengeAsk,
    Declined,
    DirectoryAsk,
    Found,
    Held,
    HoldAsk,
    LetterAsk,
    LiftAsk,
    Lifted,
    LoginAsk,
    Nonce,
    NonceAsk,
    NotFound,
    PukAsk,
    Result,
    Word,
    typ_of,
)
from fleet.messages.issuing import CardRecord, Person
from fleet.messages.link import Answer, decode, encode
from fleet.server.answers import Answers
from fleet.server.issuers.answers import IssuerAnswers
from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.handovers import WithHandovers
from fleet.server.issuers.logins import Logins, Trusted
from fleet.server.issuers.offers import OfferRules
from fleet.server.issuers.port import IssuerAwayError, Known
from fleet.server.issuers.side import IssuerSide
from fleet.server.issuers.wishes import HOUR, MOST_AN_HOUR, Wishes
from fleet.server.signing import Signer
from fleet.server.store.administrators import replace_administrators
from fleet.server.store.database import Database
from fleet.server.store.tables import orders, wishes
from fleet.server.store.writing import Writer
from tests.fakes.listed import listed
from tests.fleet.server.conftest import hold_orders, record

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WHO, OTHER, ADMIN, NUMBER = "TEST000000-0001", "TEST000000-0002", "TEST000000-A001", "9752269875"
AT = "2026-03-02T12:00:00Z"
SIGNING = ec.generate_private_key(ec.SECP256R1())


class Register:
    """An issuer in memory; `away` makes it one that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.told: list[Any] = []
        self.card = CardRecord(NUMBER, WHO, "601", "active")
        self.people = {WHO: Person(WHO, "Alva Test")}

    async def find(self, hsa_id: str, card_number: str) -> Known | None:
        if self.away:
            raise IssuerAwayError("away")
        if card_number not in ("", NUMBER) or hsa_id not in ("", WHO):
            return None
        return Known(self.people.get(self.card.hsa_id), (self.card,))

    async def block(self, ask: BlockAsk) -> Blocked:
        self.told.append(ask)
        return Blocked(AT)

    async def hold(self, ask: HoldAsk) -> Held:
        self.told.append(ask)
        return Held("active")

    async def lift(self, ask: LiftAsk) -> Lifted:
        self.told.append(ask)
        return Lifted("active")


class Place:
    """The server's side and a clock that a test sets."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.now = NOW
        self.register = Register()
        key = folder / "signing.key"
        key.write_bytes(SIGNING.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signer, writer = Signer.load(key), Writer(database)
        kept = Wishes(database)
        self.logins = Logins(database, kept, signer, Trusted((), (), list))
        keys = CardKeys({("management", "*"): [("AES-192", bytes(24))]})
        side = IssuerSide(
            None, self.register, WithHandovers(self.register, database), keys, OfferRules(), None,  # type: ignore[arg-type]
        )  # fmt: skip
        self.issuer = IssuerAnswers(side, kept, self.logins, signer, writer, lambda: self.now)
        self.answers = Answers(database, signer, None, writer, lambda: self.now, self.issuer)  # type: ignore[arg-type]

    async def ask(self, ask: Any, station: str = "entre-a") -> Answer:
        return await self.answers.answer(station, encode(ask))

    async def result(self, ask: Any, station: str = "entre-a") -> Result:
        """The signed word's, checked as a station does."""
        answer = await self.ask(ask, station)
        assert answer.jws is not None, answer
        opened = jws.deserialize_compact(answer.jws, ECKey.import_key(SIGNING.public_key()), algorithms=["ES256"])
        word: Word = decode(Word, opened.payload or b"")
        assert (opened.protected["typ"], word.station, word.id) == (typ_of(ask), station, ask.id)
        return word.result

    def written(self) -> list[Any]:
        with self.database.reading.begin() as connection:
            return list(connection.execute(select(wishes).order_by(wishes.c.id)))


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test")])
    return Place(database, tmp_path)


def wish(number: int) -> str:
    return f"{number:032x}"


def block(number: int = 1, **facts: Any) -> BlockAsk:
    return BlockAsk(**{"id": wish(number), "card_number": NUMBER, "reason": "lost", "by": WHO, "wanted": AT} | facts)


async def test_a_wish_is_done_once_and_its_word_said_again(place: Place) -> None:
    assert [await place.result(block()) for _ in range(3)] == [Blocked(AT)] * 3
    assert place.register.told == [block()]
    assert await place.ask(block(reason="stolen")) == Answer(
        ok=False, error="id_used", text="The id has been used for another question."
    )
    assert await place.result(block(), "entre-b") == Blocked(AT), "another station's id is another wish"


async def test_what_was_asked_is_written_down_with_names_and_reason(place: Place) -> None:
    await place.result(block(1))
    await place.result(block(2, by=OTHER))
    first, second = place.written()
    assert (first.station, first.ask, first.card_number, first.people, first.outcome) == (
        "entre-a", "card.block", NUMBER, f'["{WHO}"]', "blocked",
    )  # fmt: skip
    assert (second.outcome, second.reason) == ("declined", "not_allowed")


async def test_an_administrator_on_the_list_may_block_and_a_stranger_not(place: Place) -> None:
    assert await place.result(block(1, by=ADMIN)) == Blocked(AT)
    assert await place.result(block(2, by=OTHER)) == Declined("not_allowed")
    assert await place.result(block(3, card_number="0000")) == Declined("unknown_card")
    hold = HoldAsk(id=wish(4), card_number=NUMBER, reason="forgotten", by="", wanted=AT)
    assert await place.result(hold) == Held("active")
    assert await place.result(LiftAsk(id=wish(5), card_number=NUMBER, by="")) == Declined("not_allowed")


async def test_an_issuer_that_is_away_is_asked_again_with_the_same_id(place: Place) -> None:
    place.register.away = True
    away = await place.ask(block())
    assert (away.ok, away.error) == (False, "issuer_away")
    assert [row.outcome for row in place.written()] == ["asked"]
    place.register.away = False
    assert await place.result(block()) == Blocked(AT)


async def test_so_many_an_hour_and_no_more(place: Place) -> None:
    most = MOST_AN_HOUR["card.letter"]
    for number in range(most):
        ask = LetterAsk(id=wish(number), card_number="0000", hsa_id=WHO)
        assert await place.result(ask) == Declined("unknown_card")
    over = LetterAsk(id=wish(most), card_number="0000", hsa_id=WHO)
    assert (await place.ask(over)).error == "too_many"
    assert (await place.ask(over, "entre-b")).ok, "each station has its own"
    place.now = NOW + HOUR + timedelta(seconds=1)
    assert (await place.ask(over)).ok


UNBOUND = {
    "a short id": block(id="1"),
    "a number with spaces": block(card_number="9752 2698"),
    "no number": block(card_number=""),
    "an odd name": block(by="nobody"),
    "both": DirectoryAsk(id=wish(1), hsa_id=WHO, card_number=NUMBER),
    "neither": DirectoryAsk(id=wish(1)),
    "no hex": ChallengeAsk(id=wish(1), card_number=NUMBER, key="management", challenge="xy", hsa_id=WHO),
}


@pytest.mark.parametrize("story", UNBOUND)
async def test_what_is_out_of_bounds_is_no_question(place: Place, story: str) -> None:
    assert (await place.ask(UNBOUND[story])).error == "bad_ask"


async def test_without_an_issuer_it_is_said(place: Place) -> None:
    alone = Answers(place.database, None, None, None, lambda: NOW)  # type: ignore[arg-type]
    assert (await alone.answer("entre-a", encode(block()))).error == "not_set_up"


async def test_a_card_that_a_station_handed_over_is_in_use(place: Place, database: Database) -> None:
    place.register.card = msgspec.structs.replace(place.register.card, state="waiting")
    hold_orders(database, record(card_number=NUMBER, hsa_id=WHO))

    async def found(number: int) -> Found:
        said = await place.result(DirectoryAsk(id=wish(number), card_number=NUMBER))
        assert isinstance(said, Found)
        return said

    before = await found(1)
    assert (before.cards[0].state, before.offers) == ("waiting", ())
    with database.writing.begin() as connection:
        connection.execute(update(orders).values(state="collected"))
    after = await found(2)
    assert after.cards[0].state == "active"
    assert [offer.profile for offer in after.offers] == ["identification", "signature"]
    assert await place.result(DirectoryAsk(id=wish(3), hsa_id=OTHER)) == NotFound()


async def test_a_name_that_is_protected_stays_with_the_directory(place: Place) -> None:
    place.register.people[WHO] = Person(WHO, "Never Shown", protected=True)
    said = await place.result(DirectoryAsk(id=wish(1), card_number=NUMBER))
    assert isinstance(said, Found)
    assert said.person == Person(WHO, None, protected=True)


async def test_a_challenge_is_answered_for_a_card_in_use_and_its_holder(place: Place) -> None:
    def challenge(number: int, **facts: Any) -> ChallengeAsk:
        asked = {"id": wish(number), "card_number": NUMBER, "key": "management", "challenge": "00" * 16, "hsa_id": WHO}
        return ChallengeAsk(**asked | facts)

    said = await place.result(challenge(1, algorithm="AES-192"))
    assert type(said).__name__ == "Answered"
    assert await place.result(challenge(2, algorithm="AES-128")) == Declined("no_key")
    assert await place.result(challenge(3, hsa_id=OTHER)) == Declined("unknown_card")
    assert await place.result(challenge(4, key="unblock")) == Declined("administrators_missing")
    assert await place.result(challenge(5, key="unblock", administrator="forged")) == Declined("administrators_missing")
    place.register.card = msgspec.structs.replace(place.register.card, state="blocked")
    assert await place.result(challenge(6)) == Declined("card_blocked")


async def test_a_token_counts_at_its_station_for_a_while_and_while_its_person_is_listed(place: Place) -> None:
    token = place.logins._token("entre-a", ADMIN, NOW)
    assert place.logins.administrator("entre-a", token, NOW) == ADMIN
    assert place.logins.administrator("entre-b", token, NOW) is None
    assert place.logins.administrator("entre-a", token, NOW + timedelta(minutes=16)) is None
    word = await place.ask(NonceAsk(id=wish(1)))
    assert place.logins.administrator("entre-a", word.jws, NOW) is None, "no other word is a token"
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(OTHER, "Bo Test")])
    assert place.logins.administrator("entre-a", token, NOW) is None


async def test_a_nonce_is_used_once_in_time_at_its_own_station(place: Place) -> None:
    async def nonce(number: int) -> str:
        said = await place.result(NonceAsk(id=wish(number)))
        assert isinstance(said, Nonce)
        return said.nonce

    def login(number: int, of: str) -> LoginAsk:
        return LoginAsk(id=wish(number), nonce=of, certificate="AAAA", signature="AAAA", algorithm="ES256")

    once, late, elsewhere = await nonce(1), await nonce(2), await nonce(3)
    assert await place.result(login(11, once)) == Declined("card_not_valid")
    assert await place.result(login(12, once)) == Declined("nonce_unknown")
    assert await place.result(login(13, elsewhere), "entre-b") == Declined("nonce_unknown")
    place.now = NOW + timedelta(minutes=3)
    assert await place.result(login(14, late)) == Declined("nonce_unknown")


async def test_nothing_is_released_or_issued_without_proof(place: Place) -> None:
    puk = PukAsk(id=wish(1), card_number=NUMBER, hsa_id=WHO, administrator="forged", reply_key="AAAA")
    assert await place.result(puk) == Declined("administrators_missing")
    wanted = CertificateAsk(id=wish(2), card_number=NUMBER, hsa_id=WHO, profile="signature", loa=3, request="AAAA")
    assert await place.result(wanted) == Declined("bad_request")
