"""What the server answers for the issuer: once, within limits, written down, and never for what it does not trust."""

import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import insert, select, update

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    CardStateAsk,
    CardStatus,
    CertificateAsk,
    ChallengeAsk,
    DeclinedResult,
    DirectoryAsk,
    FoundResult,
    HeldResult,
    HoldAsk,
    LetterAsk,
    LiftAsk,
    LiftedResult,
    LoggedInResult,
    LoginAsk,
    NotFoundResult,
    PukAsk,
    Result,
    ask_digest,
)
from fleet.messages.issuing import DirectoryPerson
from fleet.messages.link import Answer, encode
from fleet.messages.mandates import Proof, wish_bytes
from fleet.server.asks.answers import Answers
from fleet.server.database.database import Database
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.authorization import Rights
from fleet.server.issuers.proofs.nonces import LIFE, OWN_LIFE
from fleet.server.issuers.proofs.verification import Proven
from fleet.server.issuers.requests import HOUR, MOST_AN_HOUR, AnonymousLimits
from fleet.server.issuers.tables import certificates
from fleet.server.orders.tables import orders
from fleet.server.people.queries import replace_administrators
from fleet.server.stations.alarms import ADMINISTRATOR_REPORTED, MANY_HOLDS
from fleet.server.stations.tables import alarms
from sim.stories.administrators import listed
from tests.fakes.issuers.proving import CardHolder
from tests.fakes.issuers.server_side import (
    ADMIN,
    ALVA,
    AT,
    BO,
    MAJ,
    NOW,
    NUMBER,
    OTHER,
    SIGNING,
    WHO,
    Place,
    wish,
)
from tests.fleet.server.conftest import hold_orders, record


def block(number: int = 1, **facts: Any) -> BlockAsk:
    return BlockAsk(**{"id": wish(number), "card_number": NUMBER, "reason": "lost", "wanted": AT} | facts)


def hold(number: int, **facts: Any) -> HoldAsk:
    return HoldAsk(**{"id": wish(number), "card_number": NUMBER, "reason": "forgotten", "wanted": AT} | facts)


def lift(number: int) -> LiftAsk:
    return LiftAsk(id=wish(number), card_number=NUMBER)


async def test_a_wish_is_done_once_and_its_word_said_again(place: Place) -> None:
    ask = ALVA.behind(block(), place.nonces.new("entre-a", NUMBER, NOW))
    assert [await place.result(ask) for _ in range(3)] == [BlockedResult(AT)] * 3
    assert place.register.told == [(wish(1), WHO)]
    assert await place.ask(block(reason="stolen")) == Answer(
        ok=False, error="id_used", text="The id has been used for another question."
    )
    assert await place.by(ALVA, block(), "entre-b") == BlockedResult(AT), "another station's id is another wish"


async def test_what_was_asked_is_written_down_with_names_and_reason(place: Place) -> None:
    await place.by(ALVA, block(1))
    await place.by(BO, block(2))
    first, second = place.written()
    assert (first.station, first.ask, first.card_number, first.people, first.outcome) == (
        "entre-a", "card.block", NUMBER, f'["{WHO}"]', "blocked",
    )  # fmt: skip
    assert (second.people, second.outcome, second.reason) == (f'["{OTHER}"]', "declined", "not_allowed")


async def test_an_administrator_on_the_list_may_block_and_a_stranger_not(place: Place) -> None:
    assert await place.by(MAJ, block(1)) == BlockedResult(AT)
    assert await place.by(BO, block(2)) == DeclinedResult("not_allowed")
    assert await place.result(block(3)) == DeclinedResult("not_allowed"), "in nobody's name"
    assert await place.by(MAJ, block(4, card_number="0000")) == DeclinedResult("unknown_card")
    assert await place.result(hold(5)) == HeldResult("active")
    assert await place.result(lift(6)) == DeclinedResult("not_allowed")


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "another station's mandate": ({"station": "entre-b"}, "other_station"),
    "another thing that was meant": ({"means": ("card.hold *",)}, "not_meant"),
    "another card that was meant": ({"means": ("card.block 9999",)}, "not_meant"),
    "another ask that was wished": ({"wished": block(99)}, "bad_wish"),
    "another card's number": ({"card_number": "9999"}, "other_card"),
    "a nonce that nobody gave, long ago": ({"nonce": "0" * 32, "made": "2026-01-02T12:00:00Z"}, "nonce_unknown"),
    "a nonce that nobody gave, of no time": ({"nonce": "0" * 32, "made": "yesterday"}, "nonce_unknown"),
}


@pytest.mark.parametrize("story", FALSE)
async def test_a_proof_that_does_not_hold_is_none(place: Place, story: str) -> None:
    told, reason = FALSE[story]
    changed = dict(told)
    wished = {"wished": changed.pop("wished")} if "wished" in changed else {}
    assert await place.by(ALVA, block(), **wished, mandate=changed) == DeclinedResult(reason)
    assert place.register.told == []


async def test_only_the_key_for_identification_proves_somebody(place: Place) -> None:
    signs = CardHolder.made(WHO, NUMBER, "signature")
    assert await place.by(signs, block()) == DeclinedResult("not_for_identification")


async def test_a_signature_of_another_card_proves_nobody(place: Place) -> None:
    nonce, ask = place.nonces.new("entre-a", NUMBER, NOW), block()
    mine, others = ALVA.proof(ask, nonce), BO.proof(ask, nonce)
    forged = msgspec.structs.replace(mine, certificate=others.certificate)
    assert await place.result(msgspec.structs.replace(ask, proofs=(forged,))) == DeclinedResult("other_card")
    forged = msgspec.structs.replace(mine, signature=others.signature)
    again = msgspec.structs.replace(block(2), proofs=(forged,))
    assert await place.result(again) == DeclinedResult("bad_wish"), "nor does a proof stand behind another ask"


async def test_a_nonce_is_bound_to_the_first_mandate_in_time_at_its_own_station(place: Place) -> None:
    nonce = place.nonces.new("entre-a", MAJ.card_number, NOW)

    async def log_in(number: int, someone: CardHolder, of: str = nonce, station: str = "entre-a") -> Result:
        return await place.result(someone.behind(LoginAsk(id=wish(number)), of, station), station)

    assert await log_in(1, MAJ) == LoggedInResult(ADMIN, "Maj Test", ("KRA",))
    again = CardHolder.made(ADMIN, MAJ.card_number)
    assert await log_in(2, again) == DeclinedResult("nonce_unknown"), "another visit is another mandate"
    elsewhere = place.nonces.new("entre-a", MAJ.card_number, NOW)
    assert await log_in(3, MAJ, elsewhere, "entre-b") == DeclinedResult("nonce_unknown")
    place.now = NOW + LIFE + timedelta(seconds=1)
    assert await log_in(4, MAJ, elsewhere) == DeclinedResult("nonce_unknown")


def again(first: Proof, ask: Any) -> Any:
    """Another ask under the same mandate."""
    wished = base64.b64encode(MAJ.visit.sign(wish_bytes("entre-a", ask_digest(ask)))).decode()
    return msgspec.structs.replace(ask, proofs=(msgspec.structs.replace(first, wish=wished),))


MEANS = {"means": tuple(f"card.{tag} {NUMBER}" for tag in ("hold", "block", "challenge", "puk"))}
CHALLENGE = ChallengeAsk(id=wish(7), card_number=NUMBER, key="management", challenge="00" * 16, algorithm="AES-192")


async def test_one_mandate_serves_one_act_about_one_card(place: Place) -> None:
    first = MAJ.proof(hold(1), place.nonces.new("entre-a", NUMBER, NOW), mandate=MEANS)
    assert isinstance(await place.result(again(first, CHALLENGE)), AnsweredResult), "that goes with an act"
    assert [await place.result(again(first, hold(1))) for _ in range(2)] == [HeldResult("active")] * 2
    assert await place.result(again(first, block(2))) == DeclinedResult("nonce_unknown")
    assert isinstance(await place.result(again(first, CHALLENGE)), AnsweredResult)
    other = place.nonces.new("entre-a", BO.card_number, NOW)
    assert await place.result(MAJ.behind(block(3), other)) == DeclinedResult("nonce_unknown"), "another card's nonce"
    place.now += LIFE + timedelta(seconds=1)
    assert await place.result(again(first, msgspec.structs.replace(CHALLENGE, id=wish(8)))) == DeclinedResult(
        "nonce_unknown"
    )


async def test_what_came_to_nothing_leaves_the_nonce_for_another_act(place: Place) -> None:
    first = MAJ.proof(block(1), place.nonces.new("entre-a", NUMBER, NOW), mandate=MEANS)
    place.register.card = msgspec.structs.replace(place.register.card, state="blocked")
    puk = PukAsk(id=wish(4), card_number=NUMBER, reply_key="AAAA")
    assert await place.result(again(first, puk)) == DeclinedResult("card_blocked")
    assert await place.result(again(first, block(2, reason="lost"))) == BlockedResult(AT)


@pytest.mark.parametrize(
    ("scope", "holder", "said"),
    [
        ("*", "SE9999999999-0001", BlockedResult(AT)),
        ("entre-*", "TEST000000-0009", BlockedResult(AT)),
        ("entre-*", "SE9999999999-0001", DeclinedResult("not_allowed")),
    ],
)
async def test_an_administrator_acts_for_their_own_organisation(
    place: Place, scope: str, holder: str, said: Result
) -> None:
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test", scope)])
    place.register.card = msgspec.structs.replace(place.register.card, hsa_id=holder)
    assert await place.by(MAJ, block(1)) == said
    assert isinstance(await place.by(MAJ, LoginAsk(id=wish(2))), LoggedInResult)


async def test_a_number_that_no_certificate_says_is_of_the_one_card_that_the_register_has(place: Place) -> None:
    """Else the mandate would have the register asked about another card of the same person."""
    bare = Proven(WHO, NUMBER, (), numbered=False)
    rights = Rights(place.issuer.parts.directory, Administrators(place.database), lambda: place.now)
    assert isinstance(await rights.admit(bare, lift(1)), Proven)
    second = msgspec.structs.replace(place.register.card, card_number="9752269999")
    place.register.more = (second,)
    assert await rights.admit(bare, lift(2)) == DeclinedResult("other_card")
    assert isinstance(await rights.admit(replace(bare, numbered=True), lift(3)), Proven)
    place.register.more = (msgspec.structs.replace(second, state="blocked"),)
    assert isinstance(await rights.admit(bare, lift(4)), Proven)


async def test_a_nonce_of_the_stations_own_blocks_or_holds_once_within_thirty_days(place: Place) -> None:
    late = NOW + OWN_LIFE - timedelta(hours=1)
    place.now = late
    ask = ALVA.behind(block(1), "a" * 32)
    assert [await place.result(ask) for _ in range(2)] == [BlockedResult(AT)] * 2
    assert await place.result(ALVA.behind(hold(2), "a" * 32)) == DeclinedResult("nonce_unknown")
    assert await place.result(ALVA.behind(lift(3), "b" * 32)) == DeclinedResult("nonce_unknown")
    assert await place.result(MAJ.behind(block(5), "d" * 32)) == DeclinedResult("nonce_unknown"), "of another's card"
    place.now = NOW + OWN_LIFE + timedelta(hours=1)
    assert await place.result(ALVA.behind(block(4), "c" * 32)) == DeclinedResult("nonce_unknown")


@pytest.mark.parametrize(
    ("state", "reason"), [("blocked", "card_blocked"), ("held", "card_held"), ("voided", "card_voided")]
)
async def test_a_card_that_the_register_is_against_proves_nobody(place: Place, state: Any, reason: str) -> None:
    place.register.others[MAJ.card_number] = msgspec.structs.replace(
        place.register.others[MAJ.card_number], state=state
    )
    assert await place.by(MAJ, LoginAsk(id=wish(1))) == DeclinedResult(reason)
    assert await place.by(MAJ, block(2)) == DeclinedResult(reason)


async def test_a_card_that_is_revoked_proves_nobody_and_one_on_hold_only_what_is_done_to_itself(place: Place) -> None:
    place.status.says = "revoked"
    assert await place.by(MAJ, block(1)) == DeclinedResult("card_not_valid")
    place.status.says = "unknown"
    assert await place.by(MAJ, LoginAsk(id=wish(2))) == DeclinedResult("status_unknown")
    assert (await place.ask(MAJ.behind(block(3), place.nonces.new("entre-a", NUMBER, NOW)))).error == "issuer_away"
    assert await place.by(MAJ, hold(4)) == HeldResult("active"), "a hold hurts less than a card that is at large"
    place.status.says = "suspended"
    assert await place.by(MAJ, block(5)) == DeclinedResult("card_not_valid")
    place.register.card = msgspec.structs.replace(place.register.card, state="held", hold_reason="lost")
    assert await place.by(ALVA, lift(6)) == LiftedResult("active")


async def test_who_has_left_is_given_nothing_and_may_put_their_card_away(place: Place) -> None:
    place.register.people[WHO] = DirectoryPerson(WHO, "Alva Test", left="2026-02-01")
    assert await place.by(ALVA, lift(1)) == DeclinedResult("holder_left")
    assert await place.by(ALVA, LetterAsk(id=wish(2), card_number=NUMBER)) == DeclinedResult("holder_left")
    assert await place.by(ALVA, block(3)) == BlockedResult(AT)


@pytest.mark.parametrize("reason", ["stolen", "code_known"])
async def test_a_grave_hold_is_lifted_by_an_administrator_alone(place: Place, reason: Any) -> None:
    place.register.card = msgspec.structs.replace(place.register.card, state="held", hold_reason=reason)
    assert await place.by(ALVA, lift(1)) == DeclinedResult("not_allowed")
    assert await place.by(MAJ, lift(2)) == LiftedResult("active")


async def test_an_issuer_that_is_away_is_asked_again_with_the_same_id(place: Place) -> None:
    place.register.away = True
    ask = ALVA.behind(block(), place.nonces.new("entre-a", NUMBER, NOW))
    away = await place.ask(ask)
    assert (away.ok, away.error) == (False, "issuer_away")
    assert [row.outcome for row in place.written()] == ["asked"]
    place.register.away = False
    assert await place.result(ask) == BlockedResult(AT)


async def test_so_many_an_hour_and_no_more(place: Place) -> None:
    most = MOST_AN_HOUR["card.letter"]
    for number in range(most):
        ask = LetterAsk(id=wish(number), card_number="0000")
        assert await place.result(ask) == DeclinedResult("unknown_card")
    over = LetterAsk(id=wish(most), card_number="0000")
    assert (await place.ask(over)).error == "too_many"
    assert (await place.ask(over, "entre-b")).ok, "each station has its own"
    place.now = NOW + HOUR + timedelta(seconds=1)
    assert (await place.ask(over)).ok


UNBOUND = {
    "a short id": block(id="1"),
    "a number with spaces": block(card_number="9752 2698"),
    "no number": block(card_number=""),
    "both": DirectoryAsk(id=wish(1), hsa_id=WHO, card_number=NUMBER),
    "neither": DirectoryAsk(id=wish(1)),
    "no hex": ChallengeAsk(id=wish(1), card_number=NUMBER, key="management", challenge="xy"),
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

    async def state(number: int) -> CardStatus:
        said = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
        assert isinstance(said, CardStatus)
        return said

    before = await state(1)
    assert (before.state, before.offers) == ("waiting", ())
    with database.writing.begin() as connection:
        connection.execute(update(orders).values(state="collected"))
    after = await state(2)
    assert after.state == "active"
    assert [offer.profile for offer in after.offers] == ["identification", "signature"]
    assert after.nonce != before.nonce


async def test_of_a_card_nobody_is_told_whose_it_is_without_a_proof(place: Place, database: Database) -> None:
    said = await place.ask(CardStateAsk(id=wish(1), card_number=NUMBER))
    assert said.jws is not None
    word = jws.deserialize_compact(said.jws, ECKey.import_key(SIGNING.public_key()), algorithms=["ES256"]).payload
    assert word is not None
    assert b"Alva" not in word
    assert WHO.encode() not in word
    find = DirectoryAsk(id=wish(2), card_number=NUMBER)
    assert await place.result(find) == DeclinedResult("not_allowed")
    assert await place.by(BO, DirectoryAsk(id=wish(3), card_number=NUMBER)) == DeclinedResult("not_allowed")
    assert isinstance(await place.by(ALVA, DirectoryAsk(id=wish(4), hsa_id=WHO)), FoundResult)
    assert isinstance(await place.by(MAJ, DirectoryAsk(id=wish(5), card_number=NUMBER)), FoundResult)
    assert await place.by(MAJ, DirectoryAsk(id=wish(6), hsa_id=OTHER)) == NotFoundResult()
    hold_orders(database, record(card_number=NUMBER, hsa_id=WHO))
    assert isinstance(await place.result(DirectoryAsk(id=wish(7), card_number=NUMBER)), FoundResult), "it waits here"
    assert await place.result(DirectoryAsk(id=wish(8), card_number=NUMBER), "entre-b") == DeclinedResult("not_allowed")


async def test_a_name_that_is_protected_stays_with_the_directory(place: Place) -> None:
    place.register.people[WHO] = DirectoryPerson(WHO, "Never Shown", protected=True)
    said = await place.by(MAJ, DirectoryAsk(id=wish(1), card_number=NUMBER))
    assert isinstance(said, FoundResult)
    assert said.person == DirectoryPerson(WHO, None, protected=True)
    word = await place.result(CardStateAsk(id=wish(2), card_number=NUMBER))
    assert isinstance(word, CardStatus)
    assert word.protected


async def test_a_challenge_is_answered_for_a_card_in_use_and_its_holder(place: Place) -> None:
    def challenge(number: int, **facts: Any) -> ChallengeAsk:
        asked = {"id": wish(number), "card_number": NUMBER, "key": "management", "challenge": "00" * 16}
        return ChallengeAsk(**asked | facts)

    said = await place.by(ALVA, challenge(1, algorithm="AES-192"))
    assert type(said).__name__ == "AnsweredResult"
    assert await place.by(ALVA, challenge(2, algorithm="AES-128")) == DeclinedResult("no_key")
    assert await place.by(BO, challenge(3)) == DeclinedResult("not_allowed")
    assert await place.result(challenge(4)) == DeclinedResult("not_allowed")
    assert await place.by(ALVA, challenge(5, key="unblock")) == DeclinedResult("administrators_missing")
    assert await place.by(MAJ, challenge(6, key="unblock")) == DeclinedResult("no_key")
    place.register.card = msgspec.structs.replace(place.register.card, state="blocked")
    assert await place.by(MAJ, challenge(7)) == DeclinedResult("card_blocked")


LEAVER = DirectoryPerson(WHO, "Alva Test", left="2026-02-20")


async def test_a_reserve_card_is_prolonged_once_and_made_again_on_the_same_day_where_that_went_wrong(
    place: Place, database: Database
) -> None:
    place.register.card = msgspec.structs.replace(place.register.card, state="active", reserve=True, loa=2)

    async def levels(number: int) -> list[int]:
        said = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
        assert isinstance(said, CardStatus)
        return [offer.loa for offer in said.offers]

    def made(days_ago: int) -> None:
        at = place.now - timedelta(days=days_ago)
        row = {"card_number": NUMBER, "serial": secrets.token_hex(8), "hsa_id": WHO, "profile": "reserve", "loa": 3}
        with database.writing.begin() as connection:
            connection.execute(
                insert(certificates).values(row | {"last_day": "2026-08-01", "station": "entre-a", "at": at})
            )

    assert await levels(1) == [2, 3]
    made(40)
    assert await levels(2) == [2, 3], "it is prolonged now"
    made(0)
    made(0)
    assert await levels(3) == [2, 3], "what went wrong today is made again"
    place.now += timedelta(days=1)
    assert await levels(4) == [2], "that was the once"


async def test_no_letter_is_ordered_for_a_reserve_card_whoever_asks(place: Place) -> None:
    place.register.card = msgspec.structs.replace(place.register.card, reserve=True)
    declined = DeclinedResult("reserve_card")
    assert await place.result(LetterAsk(id=wish(1), card_number=NUMBER)) == declined
    assert await place.by(ALVA, LetterAsk(id=wish(2), card_number=NUMBER)) == declined
    assert await place.by(MAJ, LetterAsk(id=wish(3), card_number=NUMBER)) == declined


async def test_a_card_is_unlocked_with_an_administrator_only_while_it_is_in_use_and_its_holder_is_here(
    place: Place,
) -> None:
    """Neither by its key nor by its PUK, and no letter goes to somebody who has left."""

    async def said(number: int) -> list[Result]:
        asks = (
            ChallengeAsk(id=wish(number), card_number=NUMBER, key="unblock", challenge="00" * 16),
            PukAsk(id=wish(number + 1), card_number=NUMBER, reply_key="AAAA"),
        )
        return [await place.by(MAJ, ask) for ask in asks]

    for number, state in enumerate(("held", "blocked", "voided", "returned")):
        place.register.card = msgspec.structs.replace(place.register.card, state=state)
        assert await said(10 * number) == [DeclinedResult(f"card_{state}")] * 2
    place.register.card = msgspec.structs.replace(place.register.card, state="active")
    place.register.people[WHO] = LEAVER
    assert await said(50) == [DeclinedResult("holder_left")] * 2
    assert await place.by(MAJ, LetterAsk(id=wish(52), card_number=NUMBER)) == DeclinedResult("holder_left")
    assert await place.result(LetterAsk(id=wish(53), card_number=NUMBER)) == DeclinedResult("holder_left")
    place.register.people[WHO] = msgspec.structs.replace(LEAVER, continued=True)
    again = ChallengeAsk(id=wish(54), card_number=NUMBER, key="unblock", challenge="00" * 16)
    assert await place.by(MAJ, again) == DeclinedResult("no_key"), "another assignment follows"


async def test_a_key_that_the_issuer_keeps_answers_there(place: Place) -> None:
    """Only where the server has none itself, for who may; and a response that is not one block reaches no card."""
    place.register.responses = {"11" * 16: "22" * 16, "33" * 16: "44" * 8}

    def challenge(number: int, block: str, key: Any = "unblock") -> ChallengeAsk:
        return ChallengeAsk(id=wish(number), card_number=NUMBER, key=key, challenge=block)

    assert await place.by(MAJ, challenge(1, "11" * 16)) == AnsweredResult("22" * 16)
    assert place.register.attended == [(WHO, ADMIN)]
    assert await place.by(MAJ, challenge(2, "33" * 16)) == DeclinedResult("no_key")
    assert await place.by(MAJ, challenge(3, "55" * 16)) == DeclinedResult("no_key")
    assert await place.by(MAJ, challenge(6, "66" * 4)) == DeclinedResult("no_key")
    asked = len(place.register.attended)
    assert asked == 3
    assert await place.by(ALVA, challenge(4, "11" * 16)) == DeclinedResult("administrators_missing")
    assert isinstance(await place.by(ALVA, challenge(5, "11" * 16, "management")), AnsweredResult)
    assert len(place.register.attended) == asked, "the server's own key answers first"


async def test_an_administrator_of_another_station_unlocks_nothing(place: Place) -> None:
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test", "entre-b")])
    ask = ChallengeAsk(id=wish(1), card_number=NUMBER, key="unblock", challenge="00" * 16)
    assert await place.by(MAJ, ask) == DeclinedResult("administrators_missing")
    puk = PukAsk(id=wish(2), card_number=NUMBER, reply_key="AAAA")
    assert await place.by(MAJ, puk) == DeclinedResult("administrators_missing")


async def test_an_administrator_is_one_while_the_list_has_them(place: Place) -> None:
    assert await place.by(MAJ, LoginAsk(id=wish(1))) == LoggedInResult(ADMIN, "Maj Test", ("KRA",))
    assert await place.by(BO, LoginAsk(id=wish(2))) == DeclinedResult("not_administrator")
    assert await place.result(LoginAsk(id=wish(3))) == DeclinedResult("bad_mandate")
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [listed(OTHER, "Bo Test")])
    assert await place.by(MAJ, LoginAsk(id=wish(4))) == DeclinedResult("not_administrator")


async def test_nothing_is_released_or_issued_without_proof(place: Place) -> None:
    puk = PukAsk(id=wish(1), card_number=NUMBER, reply_key="AAAA")
    assert await place.result(puk) == DeclinedResult("administrators_missing")
    assert await place.by(ALVA, msgspec.structs.replace(puk, id=wish(2))) == DeclinedResult("administrators_missing")
    wanted = CertificateAsk(id=wish(3), card_number=NUMBER, hsa_id=WHO, profile="signature", loa=3, request="AAAA")
    assert await place.result(wanted) == DeclinedResult("bad_request")


async def test_a_card_reported_by_its_number_is_held_and_many_are_an_alarm(place: Place) -> None:
    said = [await place.result(hold(number)) for number in range(3)]
    assert said == [HeldResult("active")] * 3
    assert alarm_of(place, MANY_HOLDS) == "3 within the hour"


async def test_beyond_its_limit_a_report_by_number_waits_for_a_person_and_the_holders_own_does_not(
    place: Place,
) -> None:
    said = [await place.result(hold(number)) for number in range(4)]
    assert said == [HeldResult("active")] * 3 + [DeclinedResult("over_limit")]
    assert await place.by(ALVA, hold(5)) == HeldResult("active"), "the holder has proved it"
    place.now += HOUR
    assert await place.result(hold(6)) != DeclinedResult("over_limit")


async def test_letters_and_states_of_cards_with_business_at_the_station_are_not_counted(place: Place) -> None:
    hold_orders(place.database, record("K-1", card_number=NUMBER, station="entre-a"))
    for number in range(4):
        await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
    most = range(100, 100 + AnonymousLimits().states)
    for number in most:
        await place.result(CardStateAsk(id=wish(number), card_number=f"STRANGE{number}"))
    full = await place.ask(CardStateAsk(id=wish(200), card_number="STRANGE200"))
    assert full.error == "too_many"
    assert isinstance(await place.result(CardStateAsk(id=wish(201), card_number=NUMBER)), CardStatus)
    again = await place.result(CardStateAsk(id=wish(202), card_number="STRANGE200"), "entre-b")
    assert again == NotFoundResult(), "each station has its own"


async def test_an_administrators_card_is_not_held_by_its_number_and_nobody_sees_it(place: Place) -> None:
    said = await place.result(hold(1, card_number=MAJ.card_number))
    assert said == await place.result(hold(2)), "the same answer as for everybody"
    assert place.register.told == [(wish(2), "")]
    assert alarm_of(place, ADMINISTRATOR_REPORTED) == MAJ.card_number
    assert await place.by(MAJ, hold(3, card_number=MAJ.card_number)) == HeldResult("active")
    assert place.register.told[-1] == (wish(3), ADMIN), "by its holder it is"


def alarm_of(place: Place, code: str) -> str | None:
    with place.database.reading.begin() as connection:
        told: str | None = connection.execute(select(alarms.c.argument).where(alarms.c.code == code)).scalar()
    return told
