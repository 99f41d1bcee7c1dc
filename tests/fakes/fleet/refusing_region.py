"""The made-up region as the walks of `sim.stories.refused_walks` need it: whose cards are held, blocked, unknown, expired."""

import base64
import csv
import hmac
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from fleet.messages.link import envelope_mac_input
from sim.demo.issuer import SEED
from sim.demo.seed import DemoRegion
from sim.reader.personas import MadeUpPerson, person
from sim.stories.refused_walks import (
    ATTENDING,
    BLOCKED,
    EXPIRED,
    HELD,
    LATE,
    LEFT,
    NO_PERSON,
    PLAIN,
    PROTECTED,
    RESERVE,
    RETURNED,
    UNKNOWN,
    WITHOUT_KUR,
    WITHOUT_ORDER,
)

Row = dict[str, Any]
IMPORTED_AGO = timedelta(days=5)
"""Nobody imports an order whose last day is over: it was imported before that."""
HOLD = {"state": "held", "held_from": "active", "hold_reason": "stolen"}


def prepare_refusals(places: DemoRegion) -> None:
    """Change orders, administrators and the issuer's seed, before any of it is imported."""
    keys = json.loads((places.authority / "verifier" / "envelope-keys.json").read_text(encoding="utf-8"))
    orders = _orders(_rows(places.orders.read_text(encoding="utf-8")), base64.b64decode(next(iter(keys.values()))))
    places.orders.write_text(_csv(orders), encoding="utf-8")
    administrators = _rows(places.administrators.read_text(encoding="utf-8"))
    for row in administrators:
        row["roles"] = "KRA" if row["hsa_id"] == person(WITHOUT_KUR).hsa_id else row["roles"]
    places.administrators.write_text(_csv(administrators), encoding="utf-8")
    seed = json.loads((places.issuer / SEED).read_bytes())
    changed = {"people": _people(seed["people"]), "cards": _cards(seed["cards"]), "orders": _csv(orders)}
    (places.issuer / SEED).write_text(json.dumps(seed | changed, ensure_ascii=False), encoding="utf-8")


def _orders(rows: list[Row], key: bytes) -> list[Row]:
    """The new cards wait at the station; the old ones are ordered by post, so that they can be activated. `key`: the letters'."""
    over = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    station, post = {}, {}
    for number, row in enumerate(rows, 1):
        station[number] = row | ({"last_day": over} if number == LATE else {})
        post[number] = station[number] | _by_post(person(number), key)
    del station[WITHOUT_ORDER], post[WITHOUT_ORDER]
    station[PROTECTED]["product"] = "reserve"
    post[EXPIRED] |= {"hsa_id": person(PLAIN).hsa_id, "name": person(PLAIN).name}
    post[RESERVE]["loa"] = "2"
    for number in (ATTENDING, WITHOUT_KUR):
        someone = person(number)
        theirs = {"hsa_id": someone.hsa_id, "name": someone.name}
        station[number] = (
            station[PLAIN]
            | theirs
            | {"order": f"2026-{number:04d}", "card_number": _number_on_order(someone), "slot": str(2 * number - 13)}
        )
        post[number] = station[number] | _by_post(someone, key)
    return [*station.values(), *post.values()]


def _by_post(someone: MadeUpPerson, key: bytes) -> Row:
    mac = hmac.digest(key, envelope_mac_input(someone.old.card_number, someone.old.puk), "sha256").hex()
    return {
        "order": f"2026-{100 + someone.order:04d}", "card_number": someone.old.card_number, "loa": "3", "slot": "",
        "delivery": "post", "envelope_mac": mac,
    }  # fmt: skip


def _people(people: list[Row]) -> list[Row]:
    left = (datetime.now(UTC) - timedelta(days=20)).date().isoformat()
    for one in people:
        one.pop("left", None)
        if one["hsa_id"] == person(LEFT).hsa_id:
            one["left"] = left
    return [one for one in people if one["hsa_id"] != person(NO_PERSON).hsa_id]


def _cards(cards: list[Row]) -> list[Row]:
    for card in cards:  # the demo's own special cases are none here
        for field in ("held_from", "hold_reason"):
            card.pop(field, None)
        if card["state"] == "held":
            card["state"] = "active"
    changes: dict[int, Row] = {HELD: HOLD, BLOCKED: {"state": "blocked"}, RETURNED: {"state": "returned"}}
    changes |= {number: {"state": "active"} for number in (PLAIN, LEFT, NO_PERSON)} | {LATE: {"state": "handed_out"}}
    numbers = {order: {person(order).old.card_number, person(order).new.card_number} for order in range(1, 13)}
    for order, change in changes.items():
        for card in cards:
            if card["card_number"] in numbers[order]:
                card |= change
    register = [card for card in cards if card["card_number"] not in numbers[UNKNOWN]]
    of_administrators = [
        {"card_number": number, "hsa_id": someone.hsa_id, "product": "ordinary", "state": state}
        for someone in map(person, (ATTENDING, WITHOUT_KUR))
        for number, state in ((someone.old.card_number, "active"), (_number_on_order(someone), "waiting"))
    ]
    return [*register, *of_administrators]


def _number_on_order(administrator: MadeUpPerson) -> str:
    """Their new card is the one that they attend with: another one is ordered."""
    return f"{administrator.new.card_number[:-4]}9{administrator.order:03d}"


def _rows(text: str) -> list[Row]:
    return list(csv.DictReader(StringIO(text)))


def _csv(rows: list[Row]) -> str:
    file = StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
