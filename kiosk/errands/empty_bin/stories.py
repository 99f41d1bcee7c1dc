"""Stories of `empty_bin`: what people do, how it ends, and what is left then."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.signatures.signing import verifies
from fleet.messages.vocabulary import EventType
from kiosk.stock import repository as stock
from sim.reader.personas import person
from sim.reader.rogue import copy_card
from sim.stories.administrator import two
from sim.stories.errand_stories import ErrandStory
from sim.stories.person import Person, Story, StoryAction, pulls_lit, puts
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room
from sim.stories.setting import Setting
from sim.stories.stock import told

FIRST, SECOND = "13:new", "14:new"
NUMBERS = ("9999000010260001", "9999000010260003", "9999000010260004")
HOUSE = Setting(slots={}, hand=(FIRST, SECOND, "10:old", "10:new"), orders=(), second_reader=True)
ONE_READER = Setting(slots={}, hand=(FIRST, SECOND, "10:old", "10:new"), orders=())


def filled(
    numbers: Sequence[str] = NUMBERS, *, sensor: int | None = None, by_number: Sequence[str] = (),
    found_numbers: Sequence[str] = (),
) -> Callable[[Room], None]:  # fmt: skip
    """Cards have fallen, and two may empty the bin. `sensor`: what the cabinet has counted, where that is something else.
    `by_number`: those of which the holder typed the number, and nobody saw the card. `found_numbers`: colleagues'."""

    def prepare(room: Room) -> None:
        two(room)
        for number in numbers:
            content: dict[str, Any] = {
                "errand": "before",
                "effect": "drop.card",
                "outcome": "dropped",
                "old_card": number,
            }
            if number in by_number:
                content["by_number"] = True
            if number in found_numbers:
                content["found"] = True

            def work(cx: Any, content: dict[str, Any] = content) -> None:
                stock.apply_event(cx, EventType.EFFECT_DONE, content, room.journal.now())

            room.store.transact_now(work)
        count = len(numbers) if sensor is None else sensor
        room.world.cabinet.drop.restore({"bin": list(numbers), "count": count, "in_drop": None})

    return prepare


def puts_mute(card: str) -> StoryAction:
    """Put a card in whose key signs nothing any more."""

    def action(person: Person) -> None:
        person.world.cards[card] = copy_card(person.world.card(card))
        puts(card, "administrator")(person)

    return action


def emptied(reader: str = "administrator", **changed: Any) -> Callable[[], Story]:
    """Both log in, count, seal, sign."""
    story: dict[str, Any] = {
        "insert_administrator": puts(FIRST, reader),
        "insert_second": puts(SECOND, reader),
        "pin_administrator": OLD_PIN,
        "take_administrator": pulls_lit,
        "open_bin": "opened",
        "how": "count",
        "count": "3",
        "seal": "440017",
        "confirm": "sign",
        "insert_signer": [puts(SECOND, reader), puts(FIRST, reader)],
        "no_paper": "next",
        "done": "end",
        **changed,
    }
    return lambda: {f"empty_bin.{name}": action for name, action in story.items()} | {"closing.take_card": pulls_lit}


def differing(answer: str, **changed: Any) -> Callable[[], Story]:
    """The count differs, and somebody explains it."""
    return emptied(**{"difference": answer, "reference": "4711", **changed})


def scanned(*numbers: str) -> dict[str, Any]:
    actions: list[StoryAction] = [*numbers, "done"]
    return {"how": "scan", "scan": actions}


def left(*numbers: str) -> Callable[[Room], None]:
    """Return a check of the card numbers that the list of the bin still has."""

    def look(room: Room) -> None:
        rows = room.store.transact_now(lambda cx: cx.execute("SELECT card_number FROM bin_card ORDER BY id").fetchall())
        assert tuple(row[0] for row in rows) == numbers

    return look


def signed_by_both(room: Room) -> None:
    """Two people's cards have signed the very text that the event has, and that text says what was counted."""
    rows = room.store.transact_now(lambda cx: cx.execute("SELECT envelope, data FROM outbox").fetchall())
    (content,) = [json.loads(data) for envelope, data in rows if EventType.BIN_EMPTIED.encode() in envelope]
    assert [entry["hsa_id"] for entry in content["signatures"]] == [person(14).hsa_id, person(13).hsa_id]
    for name, signed in zip((SECOND, FIRST), content["signatures"], strict=True):
        ders = [key.certificate.public_bytes(Encoding.DER) for key in room.world.card(name).keys]
        made = {hashlib.sha256(der).hexdigest(): der for der in ders}
        signature = base64.b64decode(signed["signature"])
        assert verifies(
            made[signed["certificate_sha256"]], content["statement"].encode(), signature, signed["algorithm"]
        )
    statement = json.loads(content["statement"])[1]
    assert {name: statement[name] for name in ("counted", "seal", "by", "second")} == {
        **BY,
        "counted": 3,
        "seal": "440017",
    }
    assert (statement["listed"], statement["numbers"]) == (list(NUMBERS), content.get("numbers"))


DONE = ("bin.emptied", "bin.clear cleared", "receipt.issued", "receipt.print printed")
BY = {"by": person(13).hsa_id, "second": person(14).hsa_id}
AGREED = {"counted": 3, "expected": 3, "sensor": 3, "seal": "440017", "reason": None, "numbers": None}


STORIES = [
    ErrandStory(
        "empty_bin: counted, sealed, signed by both", "empty_bin", emptied(), HOUSE, prepare=filled(), events=DONE,
        views=("empty_bin.insert_second", "empty_bin.count", "empty_bin.seal", "empty_bin.confirm", "empty_bin.done"),
        check=both(left(), both(signed_by_both, told("bin.emptied", **BY, **AGREED))), troubled=True, touched=True,
    ),
    ErrandStory(
        "empty_bin: a card does not sign, and the bin counts as not emptied", "empty_bin",
        emptied(insert_signer=puts_mute(SECOND), **{"stop.bin_not_signed": "end"}), HOUSE, prepare=filled(),
        outcome="refused", reason="bin_not_signed", events=(), check=left(*NUMBERS),
    ),
    ErrandStory(
        "empty_bin: in the one reader, in turn", "empty_bin", emptied("holder"), ONE_READER, prepare=filled(), events=DONE,
        check=left(), troubled=True,
    ),
    ErrandStory(
        "empty_bin: the same administrator twice, then the other", "empty_bin",
        emptied(insert_second=[puts(FIRST, "administrator"), puts(SECOND, "administrator")], not_the_same="again"), HOUSE,
        prepare=filled(), events=DONE, views=("empty_bin.not_the_same", "empty_bin.insert_second"),
    ),
    ErrandStory(
        "empty_bin: the cards are read one by one", "empty_bin", emptied(**scanned(*NUMBERS)), HOUSE, prepare=filled(),
        events=DONE, check=both(signed_by_both, told("bin.emptied", numbers=list(NUMBERS), reason=None)),
    ),
    ErrandStory(
        "empty_bin: one was returned by its number, so that all are read", "empty_bin", emptied(**scanned(*NUMBERS)), HOUSE,
        prepare=filled(by_number=NUMBERS[1:2]), events=DONE, troubled=True,
        check=both(left(), told("bin.emptied", numbers=list(NUMBERS), reason=None, never_seen=None)),
    ),
    ErrandStory(
        "empty_bin: one was handed in by a colleague, and goes back to its holder", "empty_bin", emptied(set_aside="next"), HOUSE,
        prepare=filled(found_numbers=NUMBERS[1:2]), events=DONE, check=left(),
    ),
    ErrandStory(
        "empty_bin: one that was returned by its number was never put in", "empty_bin",
        differing("never_put_in", **scanned(NUMBERS[0], NUMBERS[2])), HOUSE, prepare=filled(by_number=NUMBERS[1:2]),
        reason="difference_explained", events=DONE,
        check=told("bin.emptied", counted=2, expected=3, missing=[NUMBERS[1]], never_seen=[NUMBERS[1]],
                   reason="never_put_in", reference="4711"),
    ),
    ErrandStory(
        "empty_bin: one was read twice, one cannot be read, and two figures agree all the same", "empty_bin",
        differing("missing", **scanned(NUMBERS[0], NUMBERS[0], NUMBERS[1], "unreadable")), HOUSE, prepare=filled(),
        reason="difference_explained", events=DONE,
        check=told("bin.emptied", counted=3, numbers=[*NUMBERS[:2], ""], reason="missing", reference="4711"),
    ),
    ErrandStory(
        "empty_bin: one card too many, counted again, and explained", "empty_bin",
        differing("unlisted", count=["4", "4"], difference=["again", "unlisted"]), HOUSE, prepare=filled(),
        reason="difference_explained", views=("empty_bin.difference", "empty_bin.count", "empty_bin.difference"),
        check=told("bin.emptied", counted=4, reason="unlisted", reference="4711"), troubled=True,
    ),
    ErrandStory(
        "empty_bin: counted wrong the first time", "empty_bin", differing("again", count=["2", "3"]), HOUSE,
        prepare=filled(), events=DONE, check=told("bin.emptied", **AGREED),
    ),
    ErrandStory(
        "empty_bin: the sensor counted one twice", "empty_bin", differing("sensor"), HOUSE, prepare=filled(sensor=4),
        reason="difference_explained", check=told("bin.emptied", counted=3, expected=3, sensor=4, reason="sensor"),
    ),
    ErrandStory(
        "empty_bin: nothing in it", "empty_bin", emptied(count="0"), HOUSE, prepare=filled(()), events=DONE,
        check=told("bin.emptied", counted=0, expected=0),
    ),
    ErrandStory(
        "empty_bin: the cabinet is silent: its count is not known, and is not set to nought", "empty_bin", emptied(), HOUSE,
        prepare=both(filled(), lambda room: room.world.cabinet.set_mute()),
        events=("bin.emptied", "bin.clear not_cleared", *DONE[2:]), check=told("bin.emptied", sensor=None),
    ),
    ErrandStory(
        "empty_bin: the wrong one of the two wants to sign", "empty_bin",
        emptied(insert_signer=[puts(FIRST, "administrator"), puts(SECOND, "administrator"), puts(FIRST, "administrator")],
                other_signer="again"),
        HOUSE, prepare=filled(), events=DONE, views=("empty_bin.other_signer", "empty_bin.insert_signer"),
    ),
    ErrandStory(
        "empty_bin: given up before both have signed, and nothing is forgotten", "empty_bin",
        emptied(insert_signer=[puts(SECOND, "administrator"), "cancel"]), HOUSE, prepare=filled(), outcome="cancelled",
        events=(), check=left(*NUMBERS),
    ),
]  # fmt: skip
