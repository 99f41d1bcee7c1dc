"""Stock in stories: what lies in the slots, and what is told of it."""

import json
from collections.abc import Callable
from typing import Any

from sim.stories.room import Room


def told(kind: str, **wanted: Any) -> Callable[[Room], None]:
    """The last event of that kind says so."""

    def look(room: Room) -> None:
        rows = room.store.transact_now(
            lambda cx: cx.execute("SELECT envelope, data FROM outbox ORDER BY sequence").fetchall()
        )
        contents = [json.loads(data) for envelope, data in rows if kind.encode() in envelope]
        assert {name: contents[-1].get(name) for name in wanted} == wanted

    return look
