"""What the fleet's own imports and the issuer's register say of one person, as stations are answered."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import CardStateAsk, CardStatus, DirectoryAsk, FoundResult
from fleet.messages.leavers import leaver_digest
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people, leaver_digests_after
from tests.fakes.issuers.server_side import ALVA, NOW, NUMBER, WHO, Place, place, wish

__all__ = ["place"]

ALVA_ROW = PersonRow(WHO, "Alva Test")


def take(place: Place, row: PersonRow) -> None:
    with place.database.writing.begin() as connection:
        import_people(connection, [row], place.now)


async def holder(place: Place, number: int) -> str:
    status = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
    assert isinstance(status, CardStatus)
    return status.holder


async def test_who_left_by_import_alone_has_left_for_stations(place: Place) -> None:
    assert await holder(place, 1) == "here"
    take(place, replace(ALVA_ROW, left="2026-02-20"))
    assert await holder(place, 2) == "left"


async def test_a_day_that_is_still_to_come_is_no_leave(place: Place) -> None:
    take(place, replace(ALVA_ROW, left="2026-03-31"))
    assert await holder(place, 1) == "here"
    place.now = NOW + timedelta(days=40)
    assert await holder(place, 2) == "left"


async def test_who_goes_on_by_import_may_keep_the_card_that_the_issuer_says_is_a_leaver_s(place: Place) -> None:
    place.register.people[WHO] = msgspec.structs.replace(place.register.people[WHO], left="2026-02-20")
    assert await holder(place, 1) == "left"
    take(place, replace(ALVA_ROW, left="2026-02-20", continued=True))
    assert await holder(place, 2) == "here"
    found = await place.by(ALVA, DirectoryAsk(id=wish(3), card_number=NUMBER))
    assert isinstance(found, FoundResult)
    assert found.person is not None
    assert (found.person.left, found.person.continued) == ("2026-02-20", True)


async def test_a_name_change_of_the_imports_reaches_the_holder(place: Place) -> None:
    take(place, replace(ALVA_ROW, name="Alva Nytt", name_changed="2026-02-01"))
    found = await place.by(ALVA, DirectoryAsk(id=wish(1), card_number=NUMBER))
    assert isinstance(found, FoundResult)
    assert found.person is not None
    assert found.person.name_changed == "2026-02-01"


async def test_a_protected_identity_of_one_source_is_protected(place: Place) -> None:
    take(place, replace(ALVA_ROW, name=None, protected=True))
    status = await place.result(CardStateAsk(id=wish(1), card_number=NUMBER))
    assert isinstance(status, CardStatus)
    assert status.protected
    found = await place.by(ALVA, DirectoryAsk(id=wish(2), card_number=NUMBER))
    assert isinstance(found, FoundResult)
    assert found.person is not None
    assert found.person.name is None


async def test_a_holder_whom_the_issuer_forgot_is_known_by_the_imports(place: Place) -> None:
    del place.register.people[WHO]
    assert await holder(place, 1) == "unknown"
    take(place, ALVA_ROW)
    assert await holder(place, 2) == "here"


async def test_whose_certificate_proved_somebody_is_told_to_stations_once_they_left(place: Place) -> None:
    await place.by(ALVA, DirectoryAsk(id=wish(1), card_number=NUMBER))
    take(place, replace(ALVA_ROW, left="2026-02-20"))
    with place.database.reading.begin() as connection:
        told = leaver_digests_after(connection, "2026-03-02", after="", limit=9)
    assert told == [leaver_digest(ALVA.key.certificate.public_bytes(Encoding.DER))]


async def test_a_leave_of_the_issuer_is_kept_with_its_time_and_taken_back(place: Place) -> None:
    place.register.people[WHO] = msgspec.structs.replace(place.register.people[WHO], left="2026-02-20")
    assert await holder(place, 1) == "left"
    take(place, replace(ALVA_ROW, left="2026-02-20"))
    place.now = NOW + timedelta(days=1)
    place.register.people[WHO] = msgspec.structs.replace(place.register.people[WHO], left=None)
    assert await holder(place, 2) == "here", "the newest word is the issuer's"


@pytest.mark.parametrize("words", [1, 2])
async def test_a_question_writes_nothing_of_who_neither_left_nor_has_a_new_name(place: Place, words: int) -> None:
    for number in range(words):
        await holder(place, number)
    with place.database.reading.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM person_facts").scalar_one() == 0
