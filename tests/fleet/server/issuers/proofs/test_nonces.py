"""What a nonce is good for: one station, one mandate, one act about one card, for a while; and twelve grave acts an hour."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from fleet.messages.asking import (
    BlockAsk,
    ChallengeAsk,
    DirectoryAsk,
    HoldAsk,
    LetterAsk,
    PersonAsk,
    PukAsk,
    ReceivedAsk,
    tag_of,
)
from fleet.messages.mandates import Mandate
from fleet.server.database.database import Database
from fleet.server.issuers.proofs import nonces
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.tables import login_nonces, wishes
from tests.fakes.server.databases import new_store

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
TICK = timedelta(seconds=1)
AT, ELSEWHERE = "entre-a", "entre-b"
OWN, CARD, OTHER = "99990000000000001", "99990000000000002", "99990000000000003"
MAJ, OLLE = "TEST000000-9001", "TEST000000-9002"


OWN_BLOCK = BlockAsk(id="a" * 32, card_number=OWN, reason="lost", wanted="")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_store(tmp_path / "fleet.sqlite")
    yield database
    database.close()


def mandate(nonce: str, made: datetime = NOW) -> Mandate:
    return Mandate(AT, nonce, made.isoformat(), OWN, "AAAA", ())


def puk(card: str = CARD, id: str = "a" * 32) -> PukAsk:
    return PukAsk(id=id, card_number=card, reply_key="")


class Server:
    """The table of nonces, and of what was asked for."""

    def __init__(self, database: Database) -> None:
        self.database, self.nonces = database, Nonces(database)

    def bind(self, nonce: str, ask: PersonAsk, now: datetime = NOW, **changed: Any) -> str | None:
        """As the verification does it, after the service has written the ask down."""
        self.note(ask, now, changed.pop("people", ()), changed.pop("outcome", "asked"))
        given = {"station": AT, "mandate": mandate(nonce), "digest": "d" * 64, "hsa_id": MAJ, **changed}
        return self.nonces.bind(given["station"], given["mandate"], given["digest"], ask, given["hsa_id"], now)

    def note(self, ask: PersonAsk, at: datetime, people: tuple[str, ...] = (), outcome: str = "released") -> None:
        row = {
            "station": AT, "id": ask.id, "ask": tag_of(ask), "digest": "", "card_number": getattr(ask, "card_number", ""),
            "people": json.dumps([*people]), "outcome": outcome, "at": at,
        }  # fmt: skip
        with self.database.writing.begin() as connection:
            this = (wishes.c.station == AT) & (wishes.c.id == ask.id)
            if connection.execute(select(wishes.c.id).where(this)).first() is None:
                connection.execute(insert(wishes).values(row))

    def people(self, ask: PersonAsk) -> list[str]:
        with self.database.reading.begin() as connection:
            said = connection.execute(select(wishes.c.people).where(wishes.c.id == ask.id)).scalar_one()
        return list(json.loads(said))


@pytest.fixture
def server(database: Database) -> Server:
    return Server(database)


def test_a_nonce_is_good_for_one_act_about_its_card_and_for_its_repetition(server: Server) -> None:
    nonce = server.nonces.new(AT, CARD, NOW)
    assert len(nonce) == 32
    assert server.bind(nonce, puk(OTHER)) == "nonce_unknown"
    assert server.bind(nonce, puk()) is None
    assert server.bind(nonce, puk()) is None, "the same ask again"
    assert server.bind(nonce, puk(), digest="e" * 64) == "nonce_unknown", "another mandate"
    assert server.bind(nonce, puk(id="b" * 32)) == "nonce_unknown", "another act"
    assert server.bind("0" * 32, puk(id="c" * 32)) == "nonce_unknown"


@pytest.mark.parametrize("changed", [{"station": ELSEWHERE}, {"digest": "e" * 64}])
def test_it_is_one_stations_and_the_first_mandates(server: Server, changed: dict[str, str]) -> None:
    nonce = server.nonces.new(AT, OWN, NOW)
    reads = DirectoryAsk(id="a" * 32, hsa_id=MAJ, card_number="")
    assert server.bind(nonce, reads) is None
    assert server.bind(nonce, reads, **changed) == "nonce_unknown"
    assert server.bind(nonce, DirectoryAsk(id="b" * 32, hsa_id=MAJ, card_number="")) is None, "what reads leaves it"


@pytest.mark.parametrize(("age", "why"), [(nonces.LIFE, None), (nonces.LIFE + TICK, "nonce_unknown")])
def test_it_is_good_for_a_quarter_of_an_hour(server: Server, age: timedelta, why: str | None) -> None:
    assert timedelta(minutes=15) == nonces.LIFE
    assert server.bind(server.nonces.new(AT, CARD, NOW - age), puk()) == why


def test_what_ran_out_is_forgotten_and_nothing_else(server: Server) -> None:
    old = server.nonces.new(AT, CARD, NOW - nonces.LIFE - TICK)
    young = server.nonces.new(AT, CARD, NOW - nonces.LIFE)
    own = "1" * 32
    block = BlockAsk(id="f" * 32, card_number=OWN, reason="lost", wanted="")
    assert server.bind(own, block, NOW - nonces.OWN_LIFE) is not None, "signed later than now"
    signed = mandate(own, NOW - timedelta(days=20))
    assert server.bind(own, block, NOW - timedelta(days=20), mandate=signed) is None
    last = server.nonces.new(AT, CARD, NOW)
    with server.database.reading.begin() as connection:
        left = set(connection.execute(select(login_nonces.c.nonce)).scalars())
    assert left >= {young, last}
    assert old not in left
    assert len(left) == 3, "one is the station's own"
    assert server.nonces.are_given([young, last])
    assert not server.nonces.are_given([young, old])
    assert server.nonces.are_given([young, young])
    assert server.bind(own, block, mandate=signed) is None, "the same ask, when it comes again"


@pytest.mark.parametrize(
    ("age", "kept"), [(nonces.OWN_LIFE + nonces.AHEAD, 1), (nonces.OWN_LIFE + nonces.AHEAD + TICK, 0)]
)
def test_a_stations_own_nonce_is_remembered_for_as_long_as_it_could_be_shown(
    server: Server, age: timedelta, kept: int
) -> None:
    """Its clock may have run ahead by so much when the card signed."""
    then = NOW - age
    assert server.bind("1" * 32, OWN_BLOCK, then, mandate=mandate("1" * 32, then)) is None
    server.nonces.new(AT, CARD, NOW)
    with server.database.reading.begin() as connection:
        left = list(connection.execute(select(login_nonces.c.ask)).scalars())
    assert left.count(OWN_BLOCK.id) == kept


def test_an_act_that_came_to_nothing_leaves_it_for_another(server: Server) -> None:
    nonce, other = (server.nonces.new(AT, CARD, NOW) for _ in range(2))
    assert server.bind(nonce, puk()) is None
    server.nonces.release([other], "a" * 32)
    assert server.bind(nonce, puk(id="b" * 32)) == "nonce_unknown"
    server.nonces.release([nonce], "c" * 32)
    assert server.bind(nonce, puk(id="b" * 32)) == "nonce_unknown", "another ask's"
    server.nonces.release([nonce], "a" * 32)
    assert server.bind(nonce, puk(id="b" * 32), outcome="declined") is None


def test_a_challenge_rides_along_with_the_act_of_its_mandate_and_a_hand_over_for_a_month(server: Server) -> None:
    nonce = server.nonces.new(AT, CARD, NOW)
    assert server.bind(nonce, puk()) is None
    challenge = ChallengeAsk(id="b" * 32, card_number=CARD, key="unblock", challenge="00")
    received = ReceivedAsk(id="c" * 32, card_number=CARD, order="NS-1", handed_over="")
    assert server.bind(nonce, challenge) is server.bind(nonce, challenge, NOW + nonces.LIFE) is None
    assert server.bind(nonce, challenge, NOW + nonces.LIFE + TICK) == "nonce_unknown"
    assert server.bind(nonce, challenge, digest="e" * 64) == "nonce_unknown"
    assert server.bind(nonce, challenge, station=ELSEWHERE) == "nonce_unknown"
    assert server.bind(nonce, received, NOW + nonces.OWN_LIFE) is None
    assert server.bind(nonce, received, NOW + nonces.OWN_LIFE + TICK) == "nonce_unknown"


@pytest.mark.parametrize(
    ("ask", "made", "why"),
    [
        (OWN_BLOCK, NOW, None),
        (HoldAsk(id="a" * 32, card_number=OWN, reason="lost", wanted=""), NOW, None),
        (BlockAsk(id="a" * 32, card_number=CARD, reason="lost", wanted=""), NOW, "nonce_unknown"),
        (ReceivedAsk(id="a" * 32, card_number=CARD, order="NS-1", handed_over=""), NOW, None),
        (puk(OWN), NOW, "nonce_unknown"),
        (LetterAsk(id="a" * 32, card_number=OWN), NOW, "nonce_unknown"),
        (OWN_BLOCK, NOW - timedelta(days=30), None),
        (OWN_BLOCK, NOW - timedelta(days=30) - TICK, "nonce_unknown"),
        (OWN_BLOCK, NOW + timedelta(minutes=10), None),
        (OWN_BLOCK, NOW + timedelta(minutes=10) + TICK, "nonce_unknown"),
    ],
)
def test_a_stations_own_nonce_puts_the_signers_card_away_and_attests(
    server: Server, ask: PersonAsk, made: datetime, why: str | None
) -> None:
    assert server.bind("1" * 32, ask, mandate=mandate("1" * 32, made)) == why


@pytest.mark.parametrize("made", ["", "soon", "2026-06-01T10:00:00"])
def test_a_time_that_is_none_is_long_ago(server: Server, made: str) -> None:
    strange = Mandate(AT, "1" * 32, made, OWN, "AAAA", ())
    assert server.bind("1" * 32, OWN_BLOCK, mandate=strange) == "nonce_unknown"


def test_a_stations_own_nonce_serves_one_ask(server: Server) -> None:
    assert server.bind("1" * 32, OWN_BLOCK) is None
    another = BlockAsk(id="b" * 32, card_number=OWN, reason="lost", wanted="")
    assert server.bind("1" * 32, another) == "nonce_unknown"
    assert server.bind("1" * 32, OWN_BLOCK, station=ELSEWHERE) == "nonce_unknown"


def graves(server: Server, count: int, at: datetime = NOW - TICK, who: str = MAJ, outcome: str = "released") -> None:
    for number in range(count):
        server.note(puk(OTHER, f"{who[-4:]}{number:028}"), at, (OLLE, who) if who == MAJ else (who,), outcome)


@pytest.mark.parametrize(
    ("count", "at", "who", "outcome", "why"),
    [
        (11, NOW - TICK, MAJ, "released", None),
        (12, NOW - TICK, MAJ, "released", "person_limit"),
        (12, NOW - TICK, OLLE, "released", None),
        (12, NOW - timedelta(hours=1), MAJ, "released", None),
        (12, NOW - TICK, MAJ, "declined", None),
        (12, NOW - TICK, MAJ, "in_portal", None),
    ],
)
def test_twelve_grave_acts_an_hour_on_others_cards(
    server: Server, count: int, at: datetime, who: str, outcome: str, why: str | None
) -> None:
    graves(server, count, at, who, outcome)
    ask = puk()
    assert server.bind(server.nonces.new(AT, CARD, NOW), ask, people=(OLLE,)) == why
    assert server.people(ask) == ([OLLE] if why else [OLLE, MAJ])


def test_ones_own_card_and_what_is_not_grave_are_not_counted(server: Server) -> None:
    graves(server, 12)
    assert server.bind(server.nonces.new(AT, OWN, NOW), OWN_BLOCK) is None
    hold = HoldAsk(id="b" * 32, card_number=CARD, reason="lost", wanted="")
    assert server.bind(server.nonces.new(AT, CARD, NOW), hold) is None
    assert server.people(OWN_BLOCK) == []


def test_a_nonce_that_lay_in_stock_while_another_grave_act_was_done_is_none(server: Server) -> None:
    stocked = server.nonces.new(AT, CARD, NOW - 2 * TICK)
    graves(server, 1)
    assert server.bind(stocked, puk()) == "nonce_unknown"
    assert server.bind(server.nonces.new(AT, CARD, NOW - TICK), puk(id="b" * 32)) is None, "given as it was done"


def test_the_act_itself_is_not_counted_when_it_is_asked_again(server: Server) -> None:
    graves(server, 11)
    nonce, ask = server.nonces.new(AT, CARD, NOW), puk()
    server.note(ask, NOW, (MAJ,))
    with server.database.writing.begin() as connection:
        connection.execute(update(wishes).where(wishes.c.id == ask.id).values(outcome="released"))
    assert server.bind(nonce, ask) is None
