"""What the journal writes word by word, whom it calls in which transaction, and what an administrator reads in it."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.printer.port import NotLaidOut, NotPrinted, OutOfPaper, Printed
from drivers.reader.outcomes import Accepted, Unknown
from fleet.agent import outbox
from fleet.agent.blocks import OF_ERRAND
from fleet.agent.outbox import EventChain
from fleet.messages.events import Event
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.ports import Ended
from kiosk.receipts import Receipt, ReceiptFacts, ReceiptPerson, draft_receipt, wire
from kiosk.station import journal_queries
from kiosk.station.journal import Interrupted, Journal, subject_of
from kiosk.station.journal_schema import OUTCOMES, effect_details
from sim.stories.clock import HandClock
from sim.stories.devices import STATION, order_of
from sim.stories.room import quick_folder
from tests.fakes.station.journals import File

NOW = HandClock().now()
STAMP = NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")
CARD, HOLDER = order_of(1).card_number, order_of(1).hsa_id


class Heard(File):
    """A journal that tells what it calls, in order."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.heard: list[tuple[object, ...]] = []
        super().__init__(folder)

    def _journal(self) -> Journal:
        def note(*told: object) -> None:
            inside = [one for one in told if isinstance(one, sqlite3.Connection)]
            assert all(cx.in_transaction for cx in inside), "in the transaction under way"
            self.heard.append(tuple(one for one in told if one not in inside))

        return Journal(
            self.store,
            EventChain(STATION, 1, f"boot-{self.boots}"),
            self.clock,
            follow=lambda cx, now: note("follow", cx, now),
            on_commit=lambda: note("commit"),
            on_collected=lambda cx, order: note("collected", cx, order),
            redeem=lambda cx, effect, outcome, now: note("redeem", cx, effect, outcome, now),
        )

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = await self.store.transact(lambda cx: cx.execute(query).fetchall())
        return found

    async def events(self) -> list[Event]:
        return [
            event
            for event in await self.store.transact(lambda cx: outbox.kept_events(cx, STATION))
            if isinstance(event, Event)
        ]

    async def last(self) -> Event:
        return (await self.events())[-1]

    def since(self) -> list[tuple[object, ...]]:
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Heard]:
    with quick_folder(tmp_path) as folder:
        made = Heard(folder)
        yield made
        made.store.close()


async def soon(result: Any) -> Any:
    return result


def receipt(number: str = "7F3A-91C2-K8M4A", order: str | None = "A-0001") -> Receipt:
    """One whose signatures nobody looks at."""
    facts = ReceiptFacts(
        "pickup", NOW, STATION, "Entré A", order, CARD, ReceiptPerson(HOLDER, "Åsa Test"), "old_card", None, None, "2026-1"
    )  # fmt: skip
    document = wire.encode(wire.ReceiptDocument(draft_receipt(facts, number).payload("attested"), ()))
    return Receipt(facts, number, "attested", document, "KK1.made-up")


async def test_each_step_is_one_transaction_in_which_its_followers_are_called(file: Heard) -> None:
    log = await file.journal.start("pickup")
    assert file.since() == [("follow", STAMP), ("commit",)]
    await log.about(order_of(1))
    assert file.since() == [("commit",)]
    await log.effect(Effect.CARD_UNBLOCK, soon(Accepted()))
    assert file.since() == [("commit",), ("redeem", 1, "accepted", STAMP), ("follow", STAMP), ("commit",)]
    await log.note(EventType.CARD_ACTIVATED, card_number=CARD)
    assert file.since() == [("follow", STAMP), ("commit",)]
    await log.issued(receipt())
    assert file.since() == [("follow", STAMP), ("commit",)]
    await log.end(Ended("done"))
    assert file.since() == [
        ("follow", STAMP),
        ("redeem", OF_ERRAND, log.id, STAMP),
        ("collected", "A-0001"),
        ("commit",),
    ]
    await log.end(Ended("fault"))
    assert file.since() == [], "only the first word counts"


@pytest.mark.parametrize("outcome", ["cancelled", "timed_out", "fault", "unknown"])
async def test_an_order_is_collected_by_a_good_end_alone(file: Heard, outcome: str) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await log.end(Ended(outcome))  # type: ignore[arg-type]
    other = await file.journal.start("change_pin")
    await other.end(Ended("done"))
    assert [told for told in file.since() if told[0] == "collected"] == []
    assert log.ended == Ended(outcome, card_number=CARD)  # type: ignore[arg-type]


async def test_the_rows_of_an_errand_have_its_times_and_its_order(file: Heard) -> None:
    log = await file.journal.start("pickup")
    file.clock.advance(12.4)
    later = (NOW + timedelta(seconds=12.4)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await log.about(order_of(1))
    await log.effect(Effect.SLOT_TAKE, soon(Accepted()), slot=3)
    await log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_RETURN, outcome=Outcome.WRONG_CARD)
    assert await file.rows("SELECT id, kind, started, order_no, hsa_id, card_number, ended, outcome FROM errand") == [
        (log.id, "pickup", STAMP, "A-0001", HOLDER, CARD, None, None)
    ]
    columns = "errand, order_no, name, facts, intended, outcome, concluded"
    assert await file.rows(f"SELECT {columns} FROM effect ORDER BY id") == [  # noqa: S608  # columns above
        (log.id, "A-0001", "slot.take", '{"slot": 3}', later, "accepted", later),
        (log.id, "A-0001", "slot.return", "{}", later, "wrong_card", later),
    ]
    await log.end(Ended("fault", "reader"))
    assert await file.rows("SELECT ended, outcome FROM errand") == [(later, "fault")]
    assert (await file.last()).content() == {
        "errand": log.id, "order": "A-0001", "kind": "pickup", "outcome": "fault", "seconds": 12, "reason": "reader",
        "card_number": CARD, "hsa_id": HOLDER,
    }  # fmt: skip


async def test_a_card_that_was_told_by_its_number_alone_names_nobody(file: Heard) -> None:
    log = await file.journal.start("report_lost")
    await log.about_card(CARD, "")
    await log.end(Ended("done"))
    event = await file.last()
    assert event.subject == f"card/{CARD}"
    assert event.content() == {
        "errand": log.id, "kind": "report_lost", "outcome": "done", "seconds": 0, "card_number": CARD,
    }  # fmt: skip


async def test_an_errand_about_nothing_tells_of_no_card(file: Heard) -> None:
    log = await file.journal.start("information")
    await log.end(Ended("timed_out"))
    event = await file.last()
    assert (event.subject, event.type, event.time) == (None, EventType.ERRAND_ENDED, STAMP)
    assert event.content() == {"errand": log.id, "kind": "information", "outcome": "timed_out", "seconds": 0}


async def test_a_receipt_is_kept_and_told_with_all_that_it_says(file: Heard) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    assert await log.receipt() is None
    made = receipt()
    await log.issued(made, remark="x")
    assert await log.receipt() == made
    assert await file.rows("SELECT number, order_no, document, qr, issued FROM receipt") == [
        (made.number, "A-0001", made.document, made.qr, STAMP)
    ]
    event = await file.last()
    content = event.content()
    assert wire.encode(wire.ReceiptDocument(**content.pop("receipt"))) == made.document
    assert (event.type, content) == (
        EventType.RECEIPT_ISSUED,
        {"errand": log.id, "order": "A-0001", "card_number": CARD, "number": made.number, "signed": "attested", "remark": "x"},
    )  # fmt: skip


async def test_who_comes_back_goes_on_with_the_newest_order_that_has_a_receipt_and_no_end(file: Heard) -> None:
    for number in (1, 2):
        log = await file.journal.start("pickup")
        await log.about(msgspec.structs.replace(order_of(number), hsa_id=HOLDER))
        file.clock.advance(1)
        if number == 1:
            await log.issued(receipt())
    assert await file.journal.unfinished(HOLDER) == order_of(1), "the second has no receipt"
    assert await file.journal.unfinished("TEST-9") is None
    again = await file.journal.start("pickup")
    await again.about(order_of(1))
    await again.end(Ended("fault"))
    assert await file.journal.unfinished(HOLDER) == order_of(1)
    last = await file.journal.start("pickup")
    await last.about(order_of(1))
    await last.end(Ended("done"))
    assert await file.journal.unfinished(HOLDER) is None


async def test_what_may_have_begun_is_what_is_done_or_nobody_knows(file: Heard) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    assert not await log.may_have_begun(Effect.SLOT_OPEN)
    for effect, outcome, may in (
        (Effect.SLOT_OPEN, Outcome.NOT_OPENED, False),
        (Effect.SLOT_TAKE, Outcome.TAKEN, True),
        (Effect.CARD_UNBLOCK, Outcome.UNKNOWN, True),
    ):
        await log.note(EventType.EFFECT_DONE, effect=effect, outcome=outcome)
        assert await log.may_have_begun(effect) is may
    await file.store.transact(lambda cx: log.intend(cx, Effect.CARD_CHANGE, {}))
    assert await log.may_have_begun(Effect.CARD_CHANGE)
    other = await file.journal.start("pickup")
    await other.about(order_of(2))
    assert not await other.may_have_begun(Effect.SLOT_TAKE)


async def test_a_start_writes_down_each_thing_that_was_cut_off(file: Heard) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await file.store.transact(lambda cx: log.intend(cx, Effect.SLOT_OPEN, {"slot": 4}))
    await file.store.transact(lambda cx: log.intend(cx, Effect.CARD_UNBLOCK, {}))
    idle = await file.journal.start("information")
    before = len(await file.events())
    journal = file.boot_again()
    file.since()
    found = await journal.boot("0.2.0")
    assert set(found) == {
        Interrupted(log.id, "pickup", "slot.open", "A-0001"),
        Interrupted(log.id, "pickup", "card.unblock", "A-0001"),
        Interrupted(idle.id, "information", None, None),
    }
    redeemed = [told for told in file.since() if told[0] == "redeem"]
    assert redeemed[:2] == [("redeem", 1, "unknown", STAMP), ("redeem", 2, "unknown", STAMP)]
    assert {told[2] for told in redeemed[2:]} == {log.id, idle.id}, "what was pledged of an errand is due at its end"
    started, *others = (await file.events())[before:]
    assert (started.type, started.subject, started.bootid) == (EventType.STATION_STARTED, None, "boot-2")
    assert started.content() == {"version": "0.2.0", "found": ["slot.open", "card.unblock"]}
    about = {"errand": log.id}
    ended = {"kind": "pickup", "outcome": "interrupted", "seconds": 0, "order": "A-0001"}
    assert [(event.type, event.subject, event.content()) for event in others] == [
        (EventType.EFFECT_UNKNOWN, "order/A-0001", {**about, "effect": "slot.open", "slot": 4}),
        (EventType.EFFECT_UNKNOWN, "order/A-0001", {**about, "effect": "card.unblock"}),
        *sorted(
            [
                (EventType.ERRAND_ENDED, "order/A-0001", {**about, **ended}),
                (
                    EventType.ERRAND_ENDED,
                    None,
                    {"errand": idle.id, "kind": "information", "outcome": "interrupted", "seconds": 0},
                ),
            ],
            key=lambda told: [event.content()["errand"] for event in others[2:]].index(told[2]["errand"]),
        ),
    ]
    assert set(await file.rows("SELECT ended, outcome FROM errand")) == {(STAMP, "interrupted")}
    assert set(await file.rows("SELECT outcome, concluded FROM effect")) == {("unknown", STAMP)}


async def test_a_pledge_is_kept_with_the_intent(file: Heard) -> None:
    kept: list[tuple[bool, int]] = []

    class Kept:
        def keep(self, transaction: Any, effect: int) -> None:
            row = transaction.execute("SELECT outcome FROM effect WHERE id = ?", (effect,)).fetchone()
            kept.append((transaction.in_transaction and row == (None,), effect))

    log = await file.journal.start("pickup")
    await log.effect(Effect.CARD_CHANGE, soon(Accepted()), pledge=Kept())
    assert kept == [(True, 1)]


async def test_printing_that_was_begun_and_never_seen_whole_is_unprinted(file: Heard) -> None:
    log = await file.journal.start("pickup")
    names = ("7F3A-91C2-K8M4A", "7F3A-91C2-K8M5B", "7F3A-91C2-K8M6C")
    for number, name in enumerate(names):
        file.clock.advance(1)
        await log.issued(receipt(name, f"A-{number}"))
    assert await journal_queries.unprinted(file.journal) == (), "nobody has begun to print one"
    await log.effect(Effect.RECEIPT_PRINT, soon(NotPrinted(OutOfPaper())), receipt=names[0])
    await log.effect(Effect.RECEIPT_PRINT, soon(NotPrinted(OutOfPaper())), receipt=names[1])
    await log.effect(Effect.RECEIPT_PRINT, soon(Printed()), receipt=names[2])
    assert [one.number for one in await journal_queries.unprinted(file.journal)] == [names[1], names[0]]
    await log.effect(Effect.RECEIPT_PRINT, soon(Printed()))
    assert await journal_queries.unprinted(file.journal) == ()


async def test_the_servers_list_is_asked_by_its_own_time_in_whatever_zone(file: Heard) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await log.effect(Effect.CARD_CHANGE, soon(Accepted()))
    here = timezone(timedelta(hours=5))
    assert await journal_queries.unsigned(file.journal, [], (NOW - timedelta(seconds=1)).astimezone(here)) == 1
    assert await journal_queries.unsigned(file.journal, [], (NOW + timedelta(seconds=1)).astimezone(here)) == 0
    assert await journal_queries.unsigned(file.journal, [], datetime(2020, 1, 1, tzinfo=UTC)) == 1
    unknown = await file.journal.start("pickup")
    await unknown.about(order_of(2))
    await unknown.effect(Effect.CARD_CHANGE, soon(Unknown()))
    assert await journal_queries.unsigned(file.journal, [], None) == 1, "nobody knows whether the second has a code"


def test_an_event_is_about_its_order_or_else_its_card() -> None:
    assert subject_of("A-1", CARD) == subject_of("A-1") == "order/A-1"
    assert subject_of(None, CARD) == subject_of("", CARD) == f"card/{CARD}"
    assert subject_of(None) is subject_of(None, "") is None


@pytest.mark.parametrize("outcome", ["opened", "taken", "accepted", "written", "printed", "dropped"])
async def test_what_was_done_for_an_order_is_not_done_again(file: Heard, outcome: str) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await log.note(EventType.EFFECT_DONE, effect=Effect.RECEIPT_PRINT, outcome=outcome)
    assert await log.progress() == {Effect.RECEIPT_PRINT}
    assert await log.may_have_begun(Effect.RECEIPT_PRINT)


def test_servers_read_the_same_words_for_ever() -> None:
    words = {kind.__name__: outcome.value for kind, outcome in OUTCOMES.items()}
    expected = {
        "Accepted": "accepted", "WrongCode": "wrong_code", "WrongAnswer": "wrong_answer", "Locked": "locked",
        "Refused": "refused", "Unknown": "unknown", "NotSent": "not_sent", "NotAnswered": "not_answered",
        "Generated": "generated", "KeyUnavailable": "unanswered", "GarbledAnswer": "garbled", "Opened": "opened",
        "NotOpened": "not_opened", "OpenUnknown": "unknown", "Printed": "printed", "NotPrinted": "not_printed",
        "NotLaidOut": "not_laid_out", "PrintUnknown": "unknown", "CertificateIssued": "issued", "CardBlocked": "blocked",
        "CardHeld": "held", "CardMarked": "marked", "HoldLifted": "lifted", "RequestQueued": "queued",
        "RequestDeclined": "declined",
        "Unavailable": "unavailable", "PukReleased": "released", "InPortal": "in_portal", "LetterOrdered": "letter_ordered",
        "LetterNoted": "letter_noted",
    }  # fmt: skip
    assert expected.items() <= words.items()


def test_why_a_document_was_not_laid_out_is_told() -> None:
    assert effect_details(NotLaidOut("qr")) == {"why": "qr"}
    assert effect_details(Accepted()) == {}
