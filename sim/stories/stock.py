"""Stock in stories: what lies in the slots, and what is told of it."""

import json
from collections.abc import Callable
from typing import Any

from fleet.messages.link import Order
from fleet.messages.vocabulary import EventType
from kiosk.stock import repository as stock
from sim.reader.personas import person
from sim.stories.room import Room


def told(kind: str, **expected: Any) -> Callable[[Room], None]:
    """The last event of that kind says so."""

    def look(room: Room) -> None:
        rows = room.store.transact_now(
            lambda cx: cx.execute("SELECT envelope, data FROM outbox ORDER BY sequence").fetchall()
        )
        contents = [json.loads(data) for envelope, data in rows if kind.encode() in envelope]
        assert {name: contents[-1].get(name) for name in expected} == expected

    return look


def before(*stored: tuple[Order | str, int]) -> Callable[[Room], None]:
    """Cards that were put in before: those of orders, or by their number alone."""

    def prepare(room: Room) -> None:
        for card, slot in stored:
            number, order = (card, {}) if isinstance(card, str) else (card.card_number, {"order": card.order})
            content = {"errand": "before", "card_number": number, "slot": slot, "by": person(13).hsa_id, **order}

            def work(cx: Any, content: dict[str, Any] = content) -> None:
                stock.apply_event(cx, EventType.CARD_STORED, content, room.journal.now())

            room.store.transact_now(work)

    return prepare
