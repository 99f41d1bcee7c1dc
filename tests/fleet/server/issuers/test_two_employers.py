"""A card with two HSA-ids at the server: either of its holder's may ask about it, and neither attends to the other."""

import secrets

import msgspec

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    CardStateAsk,
    CardStatus,
    ChallengeAsk,
    DeclinedResult,
    DirectoryAsk,
    FoundResult,
    HoldAsk,
    PukAsk,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.clock.clock_check import SETTLES, ClockReading
from fleet.server.guards.service import store_clock_reading
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestKey
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.people.queries import replace_administrators
from sim.stories.administrators import listed
from tests.fakes.issuers.proving import CardHolder
from tests.fakes.issuers.server_side import ADMIN, AT, MAJ, NOW, NUMBER, WHO, Place, wish
from tests.fleet.server.conftest import KeptChanges

ELSEWHERE = "TEST000001-0009"
AT_THE_OTHER = CardHolder.made(ELSEWHERE, NUMBER)
"""The same card, acting for its other employer."""
BLOCK = BlockAsk(id=wish(1), card_number=NUMBER, reason="lost", wanted=AT)
PUK = PukAsk(id=wish(2), card_number=NUMBER, reply_key="A" * 44)


def with_two_employers(place: Place, *, left: tuple[str, ...] = ()) -> None:
    """The register knows both HSA-ids of the card; those who have `left` are in the directory with that day."""
    register = place.register
    register.card = msgspec.structs.replace(register.card, also=(ELSEWHERE,))
    register.people[ELSEWHERE] = DirectoryPerson(ELSEWHERE, "Alva Test")
    for hsa_id in left:
        register.people[hsa_id] = msgspec.structs.replace(register.people[hsa_id], left="2026-02-01")


async def state(place: Place, hsa_id: str = "") -> CardStatus:
    ask = CardStateAsk(id=secrets.token_hex(16), card_number=NUMBER, hsa_id=hsa_id or msgspec.UNSET)
    result = await place.result(ask)
    assert isinstance(result, CardStatus)
    return result


async def test_the_card_is_blocked_for_whichever_of_its_hsa_ids(place: Place) -> None:
    assert await place.by(AT_THE_OTHER, BLOCK) == DeclinedResult("other_person"), "until the register names both"
    with_two_employers(place)
    assert isinstance(await place.by(AT_THE_OTHER, msgspec.structs.replace(BLOCK, id=wish(3))), BlockedResult)


async def test_each_employer_has_a_word_of_its_own_and_the_card_is_left_only_by_both(place: Place) -> None:
    with_two_employers(place, left=(WHO,))
    words = [(await state(place, hsa_id)).holder for hsa_id in ("", WHO, ELSEWHERE, "TEST000009-0001")]
    assert words == ["here", "left", "here", "unknown"]
    with_two_employers(place, left=(ELSEWHERE,))
    assert (await state(place)).holder == "left"


async def test_the_holder_is_told_of_the_card_as_it_stands_for_who_asks(place: Place) -> None:
    with_two_employers(place)
    result = await place.by(AT_THE_OTHER, DirectoryAsk(id=wish(4), card_number=NUMBER))
    assert isinstance(result, FoundResult)
    assert result.person is not None
    assert (result.person.hsa_id, result.cards[0].hsa_ids) == (ELSEWHERE, (ELSEWHERE, WHO))


async def test_attack_an_administrator_releases_their_own_puk_by_another_hsa_id(place: Place) -> None:
    """The administrator's own card names the holder too: by the register one person, whatever a station says."""
    register, ask = place.register, ChallengeAsk(id=wish(5), card_number=NUMBER, key="unblock", challenge="00" * 16)
    register.responses[ask.challenge] = "11" * 16
    assert isinstance(await place.by(MAJ, ask), AnsweredResult), "another person may"
    record = register.others[MAJ.card_number]
    register.others[MAJ.card_number] = msgspec.structs.replace(record, also=(WHO,))
    declined = DeclinedResult("administrators_missing")
    assert await place.by(MAJ, msgspec.structs.replace(ask, id=wish(6))) == declined
    assert await place.by(MAJ, PUK) == declined


async def test_attack_the_card_itself_attends_by_its_administrators_hsa_id(place: Place) -> None:
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test"), listed(ELSEWHERE, "Alva Test")])
    with_two_employers(place)
    assert await place.by(AT_THE_OTHER, PUK) == DeclinedResult("administrators_missing")


async def test_a_hold_in_nobodys_name_spares_an_administrators_card_by_either_hsa_id(place: Place) -> None:
    with_two_employers(place)
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(ELSEWHERE, "Alva Test")])
    await place.result(HoldAsk(id=wish(7), card_number=NUMBER, reason="lost", wanted=AT))
    assert place.register.told == []


async def test_the_rule_for_leavers_leaves_a_card_that_another_employer_still_uses(place: Place) -> None:
    with_two_employers(place, left=(WHO,))
    sender = RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now)
    with place.database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(NOW, NOW - SETTLES))
    for number, left in ((8, ()), (10, (ELSEWHERE,))):
        with_two_employers(place, left=left)
        ask = msgspec.structs.replace(BLOCK, id=wish(number), reason="left")
        with place.database.writing.begin() as connection:
            requesting.enqueue(connection, RequestKey("entre-a", ask.id), ask, "rule:left", NOW, ADMIN)
        await sender.carry()
        assert [told[0] for told in place.register.told] == ([ask.id] if left else [])


def test_a_card_record_says_all_hsa_ids_whomever_it_stands_for() -> None:
    record = CardRecord(NUMBER, WHO, "601", "active", also=(ELSEWHERE,))
    assert record.as_of(ELSEWHERE).as_of(WHO) == record
