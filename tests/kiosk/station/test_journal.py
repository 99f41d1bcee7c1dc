"""The journal: an intent before each effect, one transaction for outcome and event, and what a stop leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.cabinet.port import NotOpened, Opened, OpenUnknown, SlotFault
from drivers.reader.outcomes import Accepted, Unknown, WrongCode
from fleet.agent.store import StationStore, StoreError
from fleet.messages import events
from fleet.messages.vocabulary import Effect, Outcome
from kiosk.ports import Ended
from kiosk.station import journal_queries
from kiosk.station.journal import Interrupted, Log, outcome_of
from kiosk.steps.certificate.card_write import GarbledAnswer, KeyUnavailable
from kiosk.steps.pin.by_administrator import NotAnswered
from kiosk.steps.pin.unlocking import NotSent
from sim.stories.clock import HandClock
from sim.stories.devices import order_of
from sim.stories.room import quick_folder
from tests.fakes.station.journals import File


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[File]:
    with quick_folder(tmp_path) as folder:
        file = File(folder)
        yield file
        file.store.close()


async def test_the_intent_is_durable_before_the_effect_begins(file: File) -> None:
    log = await file.journal.start("pickup")
    seen = []

    async def act() -> Opened:
        seen.extend(await file.effects())
        return Opened()

    await log.effect("slot.open", act(), slot=14)
    assert seen == [("slot.open", None)]
    assert await file.effects() == [("slot.open", "opened")]
    assert await file.told() == ["errand.started", "slot.open opened"]


async def test_an_effect_that_fails_is_unknown_and_its_fault_goes_on(file: File) -> None:
    log = await file.journal.start("pickup")

    async def act() -> Opened:
        raise OSError("the line broke")

    with pytest.raises(OSError, match="the line broke"):
        await log.effect("slot.open", act(), slot=14)
    assert await file.effects() == [("slot.open", "unknown")]
    assert await file.told() == ["errand.started", "slot.open unknown"]
    assert log.unknown == {"slot.open"}


async def test_an_effect_that_is_cancelled_is_unknown(file: File) -> None:
    log = await file.journal.start("pickup")
    began = asyncio.Event()

    async def act() -> Opened:
        began.set()
        await asyncio.get_running_loop().create_future()
        return Opened()

    doing = asyncio.ensure_future(log.effect("slot.open", act()))
    await began.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert await file.effects() == [("slot.open", "unknown")]


async def test_an_effect_whose_intent_cannot_be_written_is_not_done(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await file.journal.start("pickup")
    done = []

    async def act() -> Opened:
        done.append(True)
        return Opened()

    async def full(work: Any) -> Any:
        raise StoreError(Path("station.sqlite"), "full")

    monkeypatch.setattr(file.store, "transact", full)
    with pytest.raises(StoreError):
        await log.effect("slot.open", act())
    assert done == []


def fails_while(monkeypatch: pytest.MonkeyPatch, store: StationStore) -> list[bool]:
    """A disk that takes nothing while the list is not empty."""
    transact, full = store.transact, list[bool]()

    async def until_full(work: Any) -> Any:
        if full:
            raise StoreError(Path("station.sqlite"), "full")
        return await transact(work)

    monkeypatch.setattr(store, "transact", until_full)
    return full


async def changed_as_the_disk_filled(file: File, monkeypatch: pytest.MonkeyPatch) -> tuple[Log, list[bool]]:
    """An errand whose card has its new code, and whose outcome could not be written; the disk is still full."""
    log, full = await file.journal.start("change_pin"), fails_while(monkeypatch, file.store)

    async def act() -> Accepted:
        full.append(True)
        return Accepted()

    with pytest.raises(StoreError):
        await log.effect(Effect.CARD_CHANGE, act())
    return log, full


async def test_an_outcome_whose_commit_failed_is_written_with_the_end(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the mend it was forgotten: no outcome, no `unknown`, nothing found at the next start."""
    log, full = await changed_as_the_disk_filled(file, monkeypatch)
    full.clear()
    assert log.code == "new"
    await log.end(Ended("fault", "store"))
    assert await file.effects() == [("card.change", "accepted")]
    assert await file.told() == ["errand.started", "card.change accepted", "ended fault"]
    assert await file.boot_again().boot("0.1.0") == ()


async def test_an_outcome_that_was_never_written_is_found_at_the_next_start(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, full = await changed_as_the_disk_filled(file, monkeypatch)
    with pytest.raises(StoreError):
        await log.end(Ended("fault", "store"))
    full.clear()
    (found,) = await file.boot_again().boot("0.1.0")
    assert found.effect == "card.change"
    assert (await file.told())[-2:] == ["card.change unknown", "ended interrupted"]


async def test_what_was_cut_off_after_the_end_of_its_errand_is_found_too(file: File) -> None:
    """A receipt is printed once the errand has ended: a kill there left the effect open for good."""
    log = await file.journal.start("return_card")
    await log.end(Ended("done"))
    await file.store.transact(
        lambda cx: log.intend(cx, Effect.RECEIPT_PRINT, {"receipt": "R-1"})
    )  # and here it is killed
    (found,) = await file.boot_again().boot("0.1.0")
    assert found.effect == "receipt.print"
    assert await file.effects() == [("receipt.print", "unknown")]
    assert (await file.told())[1:] == ["ended done", "station.started", "receipt.print unknown"]
    assert await file.boot_again().boot("0.1.0") == (), "once"


@pytest.mark.parametrize(
    ("result", "code"),
    [(Accepted(), "new"), (Accepted(new_code_set=False), "before"), (WrongCode(2), "before"), (Unknown(), "unknown")],
)
async def test_the_code_that_applies_is_known_by_what_the_card_has_answered(
    file: File, result: object, code: str
) -> None:
    log = await file.journal.start("unblock")
    await log.effect(Effect.CARD_UNBLOCK, _soon(result))
    assert log.code == code


async def test_what_was_unknown_is_settled_by_a_later_effect_that_is_done(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.effect("slot.open", _soon(OpenUnknown()))
    assert log.unknown == {"slot.open"}
    await log.effect("slot.open", _soon(NotOpened(SlotFault.JAMMED)))
    assert log.unknown == {"slot.open"}, "one more that failed settles nothing"
    await log.effect("slot.open", _soon(Opened()))
    assert log.unknown == set()


async def test_an_errand_with_something_unknown_does_not_end_as_cancelled(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.effect("card.unblock", _soon(OpenUnknown()))
    await log.end(Ended("cancelled", "card_pulled"))
    assert (await file.told())[-1] == "ended unknown"
    await log.end(Ended("done"))
    assert (await file.told()).count("ended unknown") == 1, "only the first word counts"


async def test_progress_is_of_the_order_and_a_return_takes_it_back(file: File) -> None:
    first = await file.journal.start("pickup")
    await first.about(order_of(1))
    await first.note("se.kortkiosk.effect.done", effect="slot.take", outcome="taken")
    await first.effect("card.unblock", _soon(WrongCode(9)))
    second = await file.journal.start("pickup")
    await second.about(order_of(2))
    assert await second.progress() == frozenset()
    third = await file.journal.start("pickup")
    await third.about(order_of(1))
    assert await third.progress() == {"slot.take"}
    await third.note("se.kortkiosk.effect.done", effect="slot.return", outcome="wrong_card")
    assert await third.progress() == frozenset()


async def test_a_start_says_what_was_under_way_and_repeats_nothing(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await file.store.transact(lambda cx: log.intend(cx, "card.unblock", {}))
    journal = file.boot_again()
    found = await journal.boot("0.1.0")
    assert found == (Interrupted(log.id, "pickup", "card.unblock", "A-0001"),)
    assert await file.told() == [
        "errand.started",
        "station.started",
        "card.unblock unknown",
        "ended interrupted",
    ]
    assert await file.boot_again().boot("0.1.0") == (), "said once"


async def test_a_start_after_an_errand_between_two_effects_says_so_too(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.effect("slot.open", _soon(Opened()))
    assert await file.boot_again().boot("0.1.0") == (Interrupted(log.id, "pickup", None, None),)
    assert (await file.told())[-1] == "ended interrupted"


async def test_a_clean_start_has_found_nothing(file: File) -> None:
    assert await file.journal.boot("0.1.0") == ()
    assert await file.told() == ["station.started"]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (Opened(), "opened"),
        (OpenUnknown(), "unknown"),
        (WrongCode(2), "wrong_code"),
        (Accepted(), "accepted"),
        (KeyUnavailable(), "unanswered"),
        (GarbledAnswer(), "garbled"),
        (NotSent(), "not_sent"),
        (NotAnswered("unavailable"), "not_answered"),
    ],
)
def test_each_result_has_the_outcome_that_servers_know(result: object, outcome: str) -> None:
    assert outcome_of(result) == outcome


async def test_a_result_without_an_outcome_is_written_as_unknown_and_is_an_error(file: File) -> None:
    log = await file.journal.start("pickup")
    with pytest.raises(TypeError, match="OUTCOMES"):
        await log.effect(Effect.SLOT_OPEN, _soon(object()))
    assert "slot.open unknown" in await file.told()


async def _soon(result: Any) -> Any:
    return result


async def test_the_order_of_an_errand_is_kept_for_that_errand_and_names_nobody_in_the_file(file: File) -> None:
    def kept(cx: Any) -> Any:
        return cx.execute("SELECT id, order_content FROM errand ORDER BY started").fetchall()

    async def unfinished(number: int) -> object:
        return await file.journal.unfinished(order_of(number).hsa_id)

    file.encrypt()
    for number in (1, 2):
        await (await file.journal.start("pickup")).about(order_of(number))
        receipt = (f"R{number}", order_of(number).order)
        await file.store.transact(
            lambda cx, row=receipt: cx.execute("INSERT INTO receipt VALUES (?, ?, x'00', '', '')", row)
        )
    assert [await unfinished(1), await unfinished(2)] == [order_of(1), order_of(2)]
    (first, one), (second, two) = await file.store.transact(kept)
    name = order_of(1).name
    assert name is not None
    assert name.encode() not in one
    for errand, content in ((first, two), (second, order_plain(2))):
        await file.store.transact(
            lambda cx, row=(content, errand): cx.execute("UPDATE errand SET order_content = ? WHERE id = ?", row)
        )
    file.boot_again()
    await file.journal.boot("1")
    assert [await unfinished(1), await unfinished(2)] == [None, None], "another errand's, and one in clear"
    assert [content for _, content in await file.store.transact(kept)] == [two, None]


def order_plain(number: int) -> bytes:
    return msgspec.json.encode(order_of(number))


async def written(file: File) -> list[events.Event]:
    rows = await file.store.transact(
        lambda cx: cx.execute("SELECT envelope, data, salt FROM outbox ORDER BY sequence").fetchall()
    )
    return [events.restore(*row) for row in rows]


async def test_each_event_names_its_errand_and_is_about_the_order_or_else_the_card(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.about_card("9752269875", "TEST-1")
    await log.effect(Effect.CARD_CHANGE, _soon(Accepted()))
    await log.about(order_of(1))
    await log.effect(Effect.SLOT_OPEN, _soon(NotOpened(SlotFault.JAMMED)), slot=2)
    await log.end(Ended("done"))
    told = await written(file)
    assert [event.subject for event in told] == [None, "card/9752269875", "order/A-0001", "order/A-0001"]
    assert [event.content() for event in told] == [
        {"errand": log.id, "kind": "pickup"},
        {"errand": log.id, "effect": "card.change", "outcome": "accepted"},
        {
            "errand": log.id,
            "order": "A-0001",
            "effect": "slot.open",
            "outcome": "not_opened",
            "slot": 2,
            "fault": "jammed",
        },
        {
            "errand": log.id,
            "order": "A-0001",
            "kind": "pickup",
            "outcome": "done",
            "seconds": 0,
            "card_number": order_of(1).card_number,
            "hsa_id": order_of(1).hsa_id,
        },
    ]


async def test_a_card_is_kept_with_its_own_errand_alone(file: File) -> None:
    first, second = await file.journal.start("change_pin"), await file.journal.start("change_pin")
    await first.about_card("9752269875", "TEST-1")
    rows = await file.store.transact(lambda cx: cx.execute("SELECT id, card_number, hsa_id FROM errand").fetchall())
    assert set(rows) == {(first.id, "9752269875", "TEST-1"), (second.id, None, None)}


async def test_a_slot_that_was_opened_or_may_have_been_is_remembered(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.effect(Effect.SLOT_OPEN, _soon(Opened()), slot=1)
    await log.effect(Effect.SLOT_OPEN, _soon(OpenUnknown()), slot=2)
    await log.effect(Effect.SLOT_OPEN, _soon(NotOpened(SlotFault.JAMMED)), slot=3)
    await log.effect(Effect.CARD_CHANGE, _soon(Unknown()), slot=4)
    with pytest.raises(TypeError):
        await log.effect(Effect.SLOT_OPEN, _soon(object()), slot=5)
    assert log.opened == {1, 2, 5}


@pytest.mark.parametrize(("how", "code"), [(Outcome.WRITTEN, "new"), (Outcome.FAILED, "before")])
async def test_what_is_learnt_of_an_unknown_effect_says_which_code_applies(file: File, how: Outcome, code: str) -> None:
    log = await file.journal.start("unblock")
    await log.effect(Effect.CARD_UNBLOCK, _soon(Unknown()))
    await log.settled(Effect.CARD_UNBLOCK, how)
    assert (log.code, log.unknown) == (code, set())
    other = await file.journal.start("pickup")
    await other.settled(Effect.SLOT_OPEN, Outcome.WRITTEN)
    assert other.code == "before", "a slot has no code"


async def test_a_key_counts_as_made_on_the_card_and_in_the_place_where_it_was(file: File) -> None:
    log = await file.journal.start("renew")
    await log.about_card("9752269875", "TEST-1")
    assert not await log.made_key("45")
    await log.effect(Effect.CARD_GENERATE_KEY, _soon(Accepted()), key="45")
    assert await log.made_key("45")
    assert not await log.made_key("46")
    other = await file.journal.start("renew")
    await other.about_card("9752269876", "TEST-2")
    assert not await other.made_key("45")


async def test_what_was_pledged_is_due_in_the_transaction_that_writes_the_outcome(file: File) -> None:
    due: list[tuple[str, str]] = []

    def redeem(cx: Any, effect: int, outcome: str, now: str) -> None:
        name = cx.execute("SELECT name FROM effect WHERE id = ? AND outcome = ?", (effect, outcome)).fetchone()[0]
        due.append((name, outcome))
        assert now == file.journal.now()

    file.journal.redeem = redeem
    log = await file.journal.start("pickup")
    await log.effect(Effect.SLOT_OPEN, _soon(Opened()))
    await log.effect(Effect.CARD_CHANGE, _soon(Unknown()))
    assert due == [("slot.open", "opened"), ("card.change", "unknown")]


async def test_the_administrator_sees_what_happened_last_as_codes(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await log.effect(Effect.SLOT_OPEN, _soon(Opened()), slot=2)
    opened, began = await journal_queries.last_events(file.journal)
    assert (opened.type, opened.effect, opened.errand, opened.outcome, opened.slot) == (
        "effect.done",
        "slot.open",
        "",
        "opened",
        2,
    )
    assert (began.type, began.effect, began.errand, began.outcome, began.slot) == (
        "errand.started",
        "",
        "pickup",
        "",
        None,
    )
    now = HandClock().now()
    assert opened.time == f"{now.astimezone():%H.%M}"


async def test_a_card_handed_out_without_a_receipt_is_unsigned_until_the_server_lists_it(file: File) -> None:
    log = await file.journal.start("pickup")
    await log.about(order_of(1))
    await log.effect(Effect.CARD_UNBLOCK, _soon(Accepted()))
    now = HandClock().now()
    assert await journal_queries.unsigned(file.journal, [], None) == 1
    assert await journal_queries.unsigned(file.journal, [], now - timedelta(seconds=1)) == 1
    assert await journal_queries.unsigned(file.journal, [], now + timedelta(seconds=1)) == 0
    assert await journal_queries.unsigned(file.journal, ["A-0001", "A-0002"], now) == 2
    await file.store.transact(lambda cx: cx.execute("INSERT INTO receipt VALUES ('R', 'A-0001', x'00', '', '')"))
    assert await journal_queries.unsigned(file.journal, ["A-0001", "A-0002"], None) == 1
