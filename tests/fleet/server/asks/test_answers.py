"""Stations get their own orders, signed; and a plain refusal for what cannot be read."""

import asyncio
import logging
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from sqlalchemy import insert, update

from fleet.messages.asking import ORDER_TYP, SYNC_TYP
from fleet.messages.leavers import hand_over_digest, leaver_digest
from fleet.messages.link import (
    Answer,
    EnvelopeAsk,
    HandOverAsk,
    OrderAsk,
    ReceiptMailAsk,
    ReleaseAsk,
    SyncAsk,
    SyncPage,
    decode,
    encode,
)
from fleet.server.asks import answers as answering
from fleet.server.asks.answers import EVEN_S, PAGE, Answers
from fleet.server.database.database import Database
from fleet.server.ingest.write import Writer
from fleet.server.keys.signing import Signer
from fleet.server.orders.model import NOT_HANDED_OVER, STATES
from fleet.server.orders.service import StepResult, apply_step
from fleet.server.orders.tables import orders
from fleet.server.people.model import ListedAdministrator, PersonRow
from fleet.server.people.queries import replace_administrators
from fleet.server.people.service import import_people, record_certificates
from fleet.server.people.tables import people
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.verifier.model import EnvelopeFacts, EnvelopeVerdict
from sim.stories.administrators import listed
from sim.stories.room import authority
from tests.fakes.server.scripted_verifier import KEY, ScriptedVerifier
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, prove_hand_over, record


@pytest.fixture
def verifier() -> ScriptedVerifier:
    return ScriptedVerifier()


@pytest.fixture
def answers(database: Database, verifier: ScriptedVerifier) -> Answers:
    return Answers(database, Signer(KEY), verifier, AlarmRecorder(database), lambda: NOW, even_s=0)


async def test_an_answer_about_an_envelope_leaves_by_the_clock_whatever_was_found(
    database: Database, verifier: ScriptedVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(database, Signer(KEY), verifier, AlarmRecorder(database), lambda: NOW)
    hold_orders(database, record("O-1"))
    told = asyncio.Event()
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await told.wait()

    monkeypatch.setattr("fleet.server.asks.answers.asyncio.sleep", wait)
    asks = [EnvelopeAsk(order=order, nonce="0" * 32, sealed="AAAA") for order in ("O-1", "unknown")]
    asked = [asyncio.create_task(answers.answer("entre-a", encode(ask))) for ask in asks]
    while len(verifier.asked) < 2:
        await asyncio.wait(asked, timeout=0.001)
    assert [one.done() for one in asked] == [False, False]
    told.set()
    assert [answer.verdict for answer in await asyncio.gather(*asked)] == ["match", "match"]
    assert waits == [EVEN_S, EVEN_S]


@pytest.mark.parametrize(
    ("facts", "can"),
    [({}, True), ({"mail": None}, False), ({"protected": True}, False), ({"left": "2026-05-30"}, False)],
    ids=["an address", "none", "protected", "left"],
)
async def test_a_station_hears_whether_a_receipt_can_be_mailed_and_never_where(
    database: Database, facts: dict[str, object], can: bool
) -> None:
    row = {"name": None, "protected": False, "continued": False, "changed": NOW, "mail": "tove@example.test", **facts}
    with database.writing.begin() as connection:
        connection.execute(insert(people).values(hsa_id="TEST000000-0001", **row))
    set_up = Answers(database, Signer(KEY), None, None, lambda: NOW, mails=lambda: True)  # type: ignore[arg-type]
    alone = Answers(database, Signer(KEY), None, None, lambda: NOW)  # type: ignore[arg-type]
    asked = encode(ReceiptMailAsk("TEST000000-0001"))
    assert await set_up.answer("entre-a", asked) == Answer(ok=True, mail=can)
    assert await set_up.answer("entre-a", encode(ReceiptMailAsk("TEST000000-0002"))) == Answer(ok=True)
    assert await alone.answer("entre-a", asked) == Answer(ok=True), "without a mail server, or an address of the pages"
    assert (await set_up.answer("entre-a", encode(ReceiptMailAsk("x" * 65)))).error == "bad_ask"


def opened(answer: Answer, typ: str = SYNC_TYP) -> SyncPage:
    """Check the signature as a station does."""
    assert answer.ok
    assert answer.jws is not None
    checked = jws.deserialize_compact(answer.jws, KEY, algorithms=["ES256"])
    assert checked.protected == {"alg": "ES256", "kid": KEY.thumbprint(), "typ": typ}
    page: SyncPage = decode(SyncPage, checked.payload)
    return page


async def synced(answers: Answers, station: str = "entre-a") -> list[SyncPage]:
    pages = [opened(await answers.answer(station, encode(SyncAsk())))]
    while pages[-1].next:
        pages.append(opened(await answers.answer(station, encode(SyncAsk(pages[-1].next)))))
    return pages


async def test_a_station_syncs_its_own_open_orders(answers: Answers, database: Database) -> None:
    hold_orders(
        database,
        record(),
        record("O-2", station="entre-b", card_number="2222"),
        record("O-3", slot=4, card_number="3333", last_day="2026-05-31"),
        record("O-4", slot=5, card_number="4444"),
    )
    Writer(database).commit(arrived(*SealingStation().pickup("O-4")), NOW)
    prove_hand_over(database, "O-4")
    (page,) = await synced(answers)
    assert [order.order for order in page.orders] == ["O-1"]
    assert (page.station, page.issued, page.not_after) == ("entre-a", "2026-06-01T10:00:00Z", "2026-06-02T10:00:00Z")
    assert not hasattr(page.orders[0], "envelope_mac"), "the issuer's MAC stays with the server"


async def test_a_person_is_told_for_a_while_that_the_last_day_is_over(answers: Answers, database: Database) -> None:
    hold_orders(
        database, record(last_day="2026-05-02"), record("O-2", slot=4, card_number="2222", last_day="2026-05-01")
    )
    answer = await answers.answer("entre-a", encode(OrderAsk(hsa_id="TEST000000-0001")))
    assert [order.order for order in opened(answer, ORDER_TYP).orders] == ["O-1"]


async def test_a_long_list_comes_in_pages_each_thing_once(answers: Answers, database: Database) -> None:
    hold_orders(
        database,
        *(record(f"O-{n:04}", slot=n + 1, card_number=f"{n:06}", station="entre-a") for n in range(PAGE + 10)),
    )
    people = [listed(f"TEST000000-A{n:04}", f"Admin {n}") for n in range(PAGE)]
    with database.writing.begin() as connection:
        replace_administrators(connection, people)
    pages = await synced(answers)
    assert len(pages) == 3
    assert [order.order for page in pages for order in page.orders] == [f"O-{n:04}" for n in range(PAGE + 10)]
    assert [person for page in pages for person in page.administrators] == [one.administrator for one in people]
    assert max(len(answer.administrators) + len(answer.orders) for answer in pages) <= PAGE


async def test_a_station_is_given_its_own_organisations_administrators_while_they_are_listed(
    answers: Answers, database: Database
) -> None:
    people = [
        listed("TEST000000-A1", "Everywhere"),
        listed("TEST000000-A2", "Here", "entre-a", "annex-*"),
        listed("TEST000000-A3", "All entrances", "entre-*"),
        listed("TEST000000-A4", "Elsewhere", "entre-b", "annex-*", "entre-a-*"),
        until("TEST000000-A5", "2026-05-31"),
        until("TEST000000-A6", "2026-06-01"),
    ]
    with database.writing.begin() as connection:
        replace_administrators(connection, people)
    (page,) = await synced(answers)
    assert [one.hsa_id[-2:] for one in page.administrators] == ["A1", "A2", "A3", "A6"]
    assert page.administrators[-1].valid_until == "2026-06-01", "the station judges the day itself"


async def test_a_region_may_have_its_lists_believed_for_longer(database: Database, verifier: ScriptedVerifier) -> None:
    week = timedelta(days=7)
    answers = Answers(database, Signer(KEY), verifier, AlarmRecorder(database), lambda: NOW, valid=week)
    (page,) = await synced(answers)
    assert page.not_after == "2026-06-08T10:00:00Z"


def until(hsa_id: str, last_day: str) -> ListedAdministrator:
    person = msgspec.structs.replace(listed(hsa_id, "Until").administrator, valid_until=last_day)
    return ListedAdministrator(person, ("*",))


async def test_one_persons_order_is_found_at_their_station_only(answers: Answers, database: Database) -> None:
    hold_orders(database, record())
    ask = encode(OrderAsk("TEST000000-0001"))
    assert [order.order for order in opened(await answers.answer("entre-a", ask), ORDER_TYP).orders] == ["O-1"]
    assert opened(await answers.answer("entre-b", ask), ORDER_TYP).orders == ()


async def test_an_order_whose_receipt_is_owed_is_told_to_every_station_that_asks_and_past_its_last_day(
    answers: Answers, database: Database, verifier: ScriptedVerifier
) -> None:
    """Before the mend such an order was offered nowhere: who had chosen to sign later never could."""
    hold_orders(database, record(last_day="2026-05-01"))
    with database.writing.begin() as connection:
        assert apply_step(connection, "O-1", "activated", NOW) == StepResult("waiting", "activated")
    (synced_order,) = (await synced(answers))[0].orders
    assert (synced_order.order, synced_order.receipt_owed) == ("O-1", True)
    assert (await synced(answers, "entre-b"))[0].orders == ()
    for station in ("entre-a", "entre-b"):
        (found,) = opened(await answers.answer(station, encode(OrderAsk("TEST000000-0001"))), ORDER_TYP).orders
        assert found.receipt_owed
    ask = EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")
    await answers.answer("entre-b", encode(ask))
    assert verifier.asked[-1][2] is not None, "a forgotten code is set with the letter, wherever the holder is"


async def test_an_envelope_is_verified_with_what_the_order_holds(
    answers: Answers, database: Database, verifier: ScriptedVerifier
) -> None:
    hold_orders(database, record())
    ask = EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")
    assert await answers.answer("entre-a", encode(ask)) == Answer(ok=True, verdict="match")
    assert await answers.answer("entre-b", encode(ask)) == Answer(ok=True, verdict="match")
    known = EnvelopeFacts("9752269875", "2026a", "ab" * 32)
    assert verifier.asked == [("entre-a", ask, known), ("entre-b", ask, None)], "of another station's order nothing"


async def test_a_release_code_is_asked_of_the_verifier_for_loa2_alone(
    answers: Answers, database: Database, verifier: ScriptedVerifier
) -> None:
    hold_orders(database, record(), record(order="O-2", slot=4, card_number="9752269877", loa=2))
    asks = [ReleaseAsk(order=order, nonce="0" * 32, sealed="AAAA") for order in ("O-1", "O-2")]
    for ask in asks:
        assert (await answers.answer("entre-a", encode(ask))).verdict == "match"
    assert [known and known.card_number for _, _, known in verifier.asked] == [None, "9752269877"]


async def test_guessing_raises_an_alarm(
    answers: Answers, database: Database, verifier: ScriptedVerifier, readings: StoreReadings
) -> None:
    hold_orders(database, record())
    verifier.says = EnvelopeVerdict(1, "too_many", alarm=True)
    said = await answers.answer("entre-a", encode(EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")))
    assert said.verdict == "too_many"
    assert readings.summary(NOW).alarms == (("entre-a", "guessing", "O-1"),)


async def test_a_missing_key_is_said_and_told_to_operations(
    answers: Answers, database: Database, verifier: ScriptedVerifier, readings: StoreReadings
) -> None:
    hold_orders(database, record())
    verifier.says = EnvelopeVerdict(1, "no_key")
    said = await answers.answer("entre-a", encode(EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")))
    assert (said.ok, said.error, said.verdict) == (False, "verifier_away", None)
    (alarm,) = readings.summary(NOW).alarms
    assert alarm[:2] == ("entre-a", "letter_key_missing")
    assert alarm[2] == record().envelope_key


@pytest.mark.parametrize(("says", "code"), [(None, "verifier_away"), (EnvelopeVerdict(1, "nonce_used"), "nonce_used")])
async def test_no_verdict_is_said_in_words(
    answers: Answers, verifier: ScriptedVerifier, says: EnvelopeVerdict | None, code: str
) -> None:
    verifier.says = says
    said = await answers.answer("entre-a", encode(EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")))
    assert (said.ok, said.error, said.verdict) == (False, code, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff",
        b'{"ask":"sync","station":"entre-b"}',
        b'{"ask":"open.slot"}',
        b'{"ask":"sync","cursor":"x:1"}',
        b'{"ask":"envelope.verify","order":"O-1","nonce":"short","sealed":""}',
        b'{"ask":"envelope.verify","order":"O-1","nonce":"' + b"0" * 32 + b'","sealed":"' + b"A" * 513 + b'"}',
        b'{"ask":"sync","cursor":"' + b"o" * 5000 + b'"}',
        b"[" * 4000,
    ],
)
async def test_a_question_that_cannot_be_read_gets_an_error_and_nothing_else(
    answers: Answers, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = await answers.answer("entre-a", payload)
    assert (said.ok, said.error, said.jws, said.verdict) == (False, "bad_ask", None, None)
    assert caplog.records == [], "what a station may send any number of fills no log"


@pytest.mark.parametrize(
    ("left", "continued", "offered"),
    [
        ("2026-05-31", False, False),
        ("2026-06-01", False, False),
        ("2026-06-02", False, True),
        ("2026-05-31", True, True),
    ],
    ids=["has left", "leaves today", "leaves tomorrow", "goes on elsewhere in the region"],
)
async def test_who_has_left_is_offered_no_card(
    answers: Answers, database: Database, verifier: ScriptedVerifier, left: str, continued: bool, offered: bool
) -> None:
    hold_orders(database, record("O-1"), record("O-2", hsa_id="TEST000000-0002", slot=4, card_number="9752269876"))
    with database.writing.begin() as connection:
        import_people(connection, [PersonRow("TEST000000-0001", "Tove Test", left=left, continued=continued)], NOW)
    listed_here = opened(await answers.answer("entre-a", encode(SyncAsk())))
    found = opened(await answers.answer("entre-a", encode(OrderAsk(hsa_id="TEST000000-0001"))), ORDER_TYP)
    await answers.answer("entre-a", encode(EnvelopeAsk(order="O-1", nonce="0" * 32, sealed="AAAA")))
    assert [one.order for one in listed_here.orders] == (["O-1", "O-2"] if offered else ["O-2"])
    assert [one.order for one in found.orders] == (["O-1"] if offered else [])
    assert (verifier.asked[-1][2] is not None) is offered


async def test_leavers_come_by_digest_after_all_else_to_who_asks_for_them(
    answers: Answers, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "DIGESTS_PAGE", 2)
    certificates = [one.public_bytes(Encoding.DER) for one in (*authority().anchors(), *authority().intermediates())]
    with database.writing.begin() as connection:
        import_people(connection, [PersonRow("TEST000000-0002", "Bo Test", left="2026-05-31")], NOW)
        record_certificates(connection, "TEST000000-0002", certificates[:3])
        record_certificates(connection, "TEST000000-0003", certificates[3:])
    asked, pages = SyncAsk(leavers=True), []
    while not pages or pages[-1].next:
        pages.append(opened(await answers.answer("entre-a", encode(asked))))
        asked = SyncAsk(pages[-1].next, leavers=True)
    told = [digest for page in pages for digest in page.leavers]
    assert sorted(told) == sorted(map(leaver_digest, certificates[:3]))
    assert [len(page.leavers) for page in pages] == [2, 1]
    plain = (await answers.answer("entre-a", encode(SyncAsk()))).jws or ""
    assert b"leavers" not in jws.extract_compact(plain.encode()).payload, "an older station would refuse the page"
    assert "TEST000000-0002" not in repr(pages)


def orders_in_every_state(database: Database) -> dict[str, str]:
    """One posted order of another station in each state. Card numbers, by state."""
    cards = {state: f"98{number:08d}" for number, state in enumerate(STATES)}
    for state, card in cards.items():
        hold_orders(database, record(f"P-{state}", station="entre-b", card_number=card, slot=0, delivery="post"))
    with database.writing.begin() as connection:
        for state in STATES:
            connection.execute(update(orders).where(orders.c.order == f"P-{state}").values(state=state))
    return cards


async def test_every_station_hears_by_digest_which_cards_are_not_handed_over(
    answers: Answers, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "DIGESTS_PAGE", 2)
    cards = orders_in_every_state(database)
    hold_orders(database, record("O-1"), record("O-2", card_number=cards["activated"], slot=0, delivery="post"))
    pages, asked = [], SyncAsk(leavers=True)
    while not pages or pages[-1].next:
        pages.append(opened(await answers.answer("entre-a", encode(asked))))
        asked = SyncAsk(pages[-1].next, leavers=True)
    told = [digest for page in pages for digest in page.leavers]
    pending = {hand_over_digest(cards[state], "post") for state in NOT_HANDED_OVER}
    assert set(told) == pending | {hand_over_digest(record().card_number, "station")}
    assert len(told) == len(set(told))
    assert not [state for state in NOT_HANDED_OVER if cards[state] in repr(pages)]
    (plain,) = await synced(answers)
    assert plain.leavers == ()


async def test_a_station_hears_at_once_whether_a_card_is_handed_over(answers: Answers, database: Database) -> None:
    cards = orders_in_every_state(database)
    hold_orders(database, record("O-1"), record("O-2", card_number=cards["activated"], slot=0, delivery="post"))

    async def said(card: str) -> Answer:
        return await answers.answer("entre-a", encode(HandOverAsk(card)))

    assert {state for state in STATES if (await said(cards[state])).delivery} == set(NOT_HANDED_OVER)
    assert await said(cards["coming"]) == Answer(ok=True, delivery="post")
    assert await said(record().card_number) == Answer(ok=True, delivery="station")
    assert await said("9752000000") == Answer(ok=True), "no order is known of that card"
    assert [(await said(card)).error for card in ("", "9" * 65)] == ["bad_ask", "bad_ask"]


async def test_an_administrator_who_has_left_is_on_no_station_s_list(answers: Answers, database: Database) -> None:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed("TEST000000-A001", "Maj"), listed("TEST000000-A002", "Bo")])
        import_people(connection, [PersonRow("TEST000000-A001", "Maj", left="2026-05-31")], NOW)
        import_people(connection, [PersonRow("TEST000000-A002", "Bo", left="2026-06-02")], NOW)
    page = opened(await answers.answer("entre-a", encode(SyncAsk())))
    assert [one.hsa_id for one in page.administrators] == ["TEST000000-A002"]


async def test_who_left_after_the_pick_up_may_still_sign_the_receipt(answers: Answers, database: Database) -> None:
    hold_orders(database, record("O-1"))
    with database.writing.begin() as connection:
        import_people(connection, [PersonRow("TEST000000-0001", "Tove Test", left="2026-05-31")], NOW)
        apply_step(connection, "O-1", "activated", NOW)
    found = opened(await answers.answer("entre-a", encode(OrderAsk(hsa_id="TEST000000-0001"))), ORDER_TYP)
    assert [one.order for one in found.orders] == ["O-1"]
