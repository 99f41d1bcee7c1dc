"""A station that was let in over the network asks the register nothing before somebody has seen its self test."""

from datetime import timedelta

from sqlalchemy import insert

from fleet.messages.asking import CardStateAsk, CardStatus, HeldResult, HoldAsk, LetterAsk
from fleet.server.commands.tables import commands
from fleet.server.enrolment.tables import station_claims
from tests.fakes.issuers.server_side import AT, NOW, NUMBER, Place, place, wish

__all__ = ["place"]
AGO = timedelta(minutes=5)


def let_in(place: Place, station: str) -> None:
    claim = {
        "station": station, "salt": "", "digest": "", "made": NOW - 2 * AGO, "made_by": "olle.test", "wrong": 0,
        "expires": NOW, "asked": NOW - 2 * AGO, "approved": True, "decided": NOW - AGO, "decided_by": "tove.test",
    }  # fmt: skip
    with place.database.writing.begin() as connection:
        connection.execute(insert(station_claims).values(claim))


def done_test(place: Place, station: str, ended: timedelta) -> None:
    command = {
        "station": station, "command": "self_test", "reason": "new", "by": "tove.test", "asked": NOW - ended,
        "valid_s": 900, "state": "done", "ended": NOW - ended,
    }  # fmt: skip
    with place.database.writing.begin() as connection:
        connection.execute(insert(commands).values(command))


async def test_neither_state_hold_nor_letter_before_its_self_test(place: Place) -> None:
    let_in(place, "entre-a")
    done_test(place, "entre-a", 2 * AGO)
    asks = (
        CardStateAsk(id=wish(1), card_number=NUMBER),
        HoldAsk(id=wish(2), card_number=NUMBER, reason="forgotten", wanted=AT),
        LetterAsk(id=wish(3), card_number=NUMBER),
    )
    assert [(await place.ask(ask)).error for ask in asks] == ["not_tested"] * 3
    assert place.register.told == []
    done_test(place, "entre-a", timedelta())
    assert isinstance(await place.result(asks[0]), CardStatus)
    assert isinstance(await place.result(asks[1]), HeldResult)


async def test_a_station_of_before_asks_as_it_did(place: Place) -> None:
    assert isinstance(await place.result(CardStateAsk(id=wish(1), card_number=NUMBER)), CardStatus)
