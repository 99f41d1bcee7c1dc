"""A reserve card from cabinet to holder without an order: put in as nobody's, bound by two administrators, and given back."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate

from fleet.messages.issuing import CardRecord
from sim.demo.issuer import SEED
from sim.issuer.database import IssuerDatabase, card_of
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.fakes.fleet.region import Region

pytestmark = pytest.mark.broker
TEMP = person(12)
NUMBER = TEMP.old.card_number
PIN = "246813"
SIGNED = tuple(
    step for number in (13, 14) for step in (("sign_again", ("insert", f"admin{number}")), ("pin_administrator", PIN))
)
"""Both administrators sign for the card, one after the other in the one reader."""


@pytest.fixture
def temp_staff(region: Region) -> Region:
    """A region whose reserve card is nobody's yet, and has neither key nor certificate."""
    file = region.places.issuer / SEED
    content = json.loads(file.read_bytes())
    for card in content["cards"]:
        if card["card_number"] == NUMBER:
            card |= {"hsa_id": "", "state": "waiting"}
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    now = datetime.now(UTC)
    authority = TestAuthority.load_or_create(region.places.folder / "card-authority", now)
    VirtualCard(fresh_memory("B", TEMP.old, authority, now, ())).save(region.cards / "spare.json")
    return region


def walk(region: Region, errand: str, *steps: tuple[str, Any]) -> dict[str, Any]:
    """An errand at the station, with the reserve card and two administrators at hand. Its last line."""
    lines = ["[cards]", 'spare = { state = "spare.json", order = 12, which = "old" }']
    lines += [f'admin{number} = {{ state = "admin-{number}.json", order = {number} }}' for number in (13, 14)]
    for view, value in steps:
        act = [f'do = "{value[0]}"', f'card = "{value[1]}"'] if isinstance(value, tuple) else [f'value = "{value}"']
        lines += ["[[answer]]", f'view = "{errand}.{view}"', *act]
    file = region.cards / f"{errand}.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, said, errors = region.walk(file, errand=errand)
    assert (code, said and said[-1]["outcome"]) == (0, "done"), (said[-6:], errors)
    return said[-1]


def at_issuer(region: Region) -> CardRecord:
    register = IssuerDatabase.open(region.places.issuer / "issuer.sqlite")
    with register.change() as cx:
        card = card_of(cx, NUMBER)
    register.close()
    assert card is not None
    return card


def test_temp_staff_without_any_card_leave_with_one_and_bring_it_back(temp_staff: Region) -> None:
    region = temp_staff
    with region.issuer(), region.serve():
        walk(
            region, "stock", ("insert_administrator", ("insert", "admin13")), ("pin_administrator", PIN),
            ("what", "take_out"), ("which_out", "2"), ("which_out", "back"), ("what", "deliver"), ("scan", NUMBER),
            ("no_order", "reserve"), ("unbroken", "yes"), ("place", "open"), ("scan", "back"), ("what", "end"),
        )  # fmt: skip
        region.becomes("stock?kind=reserve", lambda said: [row["card_number"] for row in said["items"]] == [NUMBER])
        ended = walk(
            region, "reserve_certificate", ("who", "administrator"), ("insert_administrator", ("insert", "admin13")),
            ("pin_administrator", PIN), ("document", "passport"), ("document_digits", "4711"), ("level", "3"),
            ("insert_second", ("insert", "admin14")), ("pin_administrator", PIN), ("where", "cabinet"),
            ("person", TEMP.hsa_id.lower()), ("bind", "bind"), *SIGNED, ("unbroken", "yes"), ("insert", ("insert", "spare")),
            ("number", NUMBER), *SIGNED, ("insert", ("insert", "spare")), ("begin", "begin"), ("pin", TEMP.old.pin),
            ("done", "end"),
        )  # fmt: skip
        assert ended["receipt"] is not None
        card = at_issuer(region)
        assert (card.hsa_id, card.state) == (TEMP.hsa_id, "active")
        rows = region.becomes("orders", lambda said: any(row["card_number"] == NUMBER for row in said["items"]))[
            "items"
        ]
        (order,) = [row for row in rows if row["card_number"] == NUMBER]
        region.becomes(f"orders/{order['order']}", lambda said: said["state"] == "collected")
        assert region.api("stock?kind=reserve")["items"] == []
        assert [day.isoformat() <= assignment(region) for day in ends_of_certificates(region)] == [True]
        walk(
            region, "return_card", ("why", "left"), ("insert", ("insert", "spare")), ("know_code", "yes"),
            ("pin", TEMP.old.pin), ("confirm", "return"), ("done", "end"),
        )  # fmt: skip
        assert at_issuer(region).state == "blocked"


def ends_of_certificates(region: Region) -> list[date]:
    """Last days of what the issuer has given the card."""
    register = IssuerDatabase.open(region.places.issuer / "issuer.sqlite")
    with register.change() as cx:
        rows = cx.execute("SELECT der FROM certificate WHERE card = ?", (NUMBER,)).fetchall()
    register.close()
    return [load_der_x509_certificate(der).not_valid_after_utc.date() for (der,) in rows]


def assignment(region: Region) -> str:
    people = json.loads((region.places.issuer / SEED).read_bytes())["people"]
    return str(next(one["employed_until"] for one in people if one["hsa_id"] == TEMP.hsa_id))
