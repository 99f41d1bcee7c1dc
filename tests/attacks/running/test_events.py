"""S0: what a station tells in its events is believed for the names in them. The rogue has a station's key, and no card."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.attacks.running.acts import hand_over
from tests.attacks.running.cards import own_nonce
from tests.attacks.running.wire import now_text
from tests.attacks.running.world import ABROAD, HOME, World, eventually


@pytest.mark.parametrize("delivery", ["post", "station"])
def test_events_activate_a_card(world: World, delivery: str) -> None:
    """S0: six made-up events make a card active at the issuer, in the name of an administrator who was not there"""
    with world.station() as station:
        order, card = world.order(station.name if delivery == "station" else "entre-home", delivery)
        administrator = world.administrator().hsa_id
        hand_over(station, order, card.number, administrator)
        assert station.is_held()
        assert not eventually(lambda: world.card(card.number)["state"] == "active"), "active at the issuer"
    assert world.issuer_audit(card.number, "received") == [], "the issuer was told of a hand-over"
    assert world.order_state(order) in ("coming", "taken")


FACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dropped": ("collected", "effect.done", {"effect": "drop.card", "outcome": "dropped", "old_card": "NUMBER"}),
    "stored": ("coming", "card.stored", {"card_number": "NUMBER", "slot": 3, "by": "SOMEBODY"}),
    "taken out": ("waiting", "card.taken_out", {"card_number": "NUMBER", "slot": 3, "why": "other", "by": "SOMEBODY"}),
    "missing": ("waiting", "card.taken_out", {"card_number": "NUMBER", "slot": 3, "why": "missing", "by": "SOMEBODY"}),
    "collected": ("activated", "errand.ended", {"kind": "pickup", "outcome": "done", "seconds": 9.0}),
}


@pytest.mark.parametrize("fact", FACTS)
def test_an_event_moves_an_order(world: World, fact: str) -> None:
    """S0: one made-up event says that a card was dropped, stocked, taken out, or handed over"""
    before, kind, data = FACTS[fact]
    with world.station() as station:
        order, card = world.order(station.name, state=before)
        names = {"NUMBER": card.number, "SOMEBODY": world.administrator().hsa_id}
        told = {name: names.get(str(value), value) for name, value in data.items()}
        order_named = {} if fact == "dropped" else {"order": order}
        station.tell(kind, {"errand": str(uuid.uuid4()), **told, **order_named}, None)
        assert station.is_held()
        assert not eventually(lambda: world.order_state(order) != before, 2), world.order_state(order)


def test_a_bin_is_emptied_by_an_event(world: World) -> None:
    """S0: one made-up event says that two administrators have destroyed a card"""
    with world.station() as station:
        order, card = world.order(station.name, state="collected")
        drop = {"errand": str(uuid.uuid4()), "effect": "drop.card", "outcome": "dropped", "old_card": card.number}
        station.tell("effect.done", drop, moment=datetime.now(UTC) - timedelta(minutes=5))
        names = {"by": world.administrator().hsa_id, "second": world.administrator().hsa_id}
        emptied = {"counted": 1, "expected": 1, "sensor": 1, "seal": "S-1", "statement": "made up", "signatures": []}
        station.tell("bin.emptied", {"errand": str(uuid.uuid4()), **names, **emptied, "numbers": [card.number]})
        assert station.is_held()
        assert not eventually(lambda: world.order_state(order) != "collected", 2), world.order_state(order)


@pytest.mark.parametrize(
    "who",
    [
        "an administrator's, signed in advance",
        "another organisation's administrator",
        "a stranger",
        "the holder alone",
        "the holder, an administrator",
    ],
)
def test_who_attests_a_posted_card(world: World, who: str) -> None:
    """S0: a posted card is made active by who was not there, may not, or alone, at a dishonest station"""
    with world.station() as station:
        order, card = world.order("entre-home", "post")
        (holder,) = [one for one in world.cards_of(HOME) if one.hsa_id == card.hsa_id]
        signer = {
            "another organisation's administrator": lambda: world.administrator(ABROAD),
            "a stranger": world.person,
            "the holder alone": lambda: holder,
            "the holder, an administrator": lambda: world.enlist(holder),
        }.get(who, world.administrator)()
        means, then = [f"card.received {card.number}", "card.received *"], datetime.now(UTC) - timedelta(days=20)
        mandates = [signer.mandate(station.name, own_nonce(), means, then)]
        if "in advance" not in who:
            mandates.append(station.mandate(signer, *means, about=card.number))
        told = {"card_number": card.number, "order": order, "handed_over": now_text(), "receipt": "AAAA-BBBB-CCCCC"}
        told |= {"digest": "0" * 64, "document": "passport", "document_digits": "4711"}
        for mandate in mandates:
            station.want("card.received", mandate, **told)
        assert not eventually(lambda: world.card(card.number)["state"] == "active"), "active at the issuer"
    assert world.order_state(order) == "coming"


@pytest.mark.parametrize("at", ["now", "a time that is none"])
def test_an_administrator_attests_a_posted_card(world: World, at: str) -> None:
    """Control: an ID administrator who is there attests a posted card; the issuer learns who did, and when"""
    administrator, now = world.administrator(), now_text()
    with world.station() as station:
        order, card = world.order(station.name, "post")
        mandate = station.mandate(administrator, f"card.received {card.number}", about=card.number)
        told = {
            "card_number": card.number,
            "order": order,
            "handed_over": now if at == "now" else at,
            "receipt": "AAAA-BBBB-CCCCC",
        }
        told |= {"digest": "0" * 64, "document": "passport", "document_digits": "4711"}
        assert station.want("card.received", mandate, **told)["outcome"] == "believed"
        assert eventually(lambda: world.card(card.number)["state"] == "active")
        assert station.want("card.received", mandate, **told)["outcome"] != "error", "asked again, as after a power cut"
    ((people, outcome),) = world.issuer_audit(card.number, "received")
    assert administrator.hsa_id in people, outcome
    assert world.order_state(order) == "collected"


@pytest.mark.parametrize("who", ["an administrator", "a stranger"])
def test_who_stocks(world: World, who: str) -> None:
    """Somebody who is no ID administrator says that a card lies in its slot; Control: an ID administrator says so"""
    signer = world.administrator() if who == "an administrator" else world.person()
    with world.station() as station:
        order, _card = world.order(station.name)
        mandate = station.mandate(signer, f"stock.moved {signer.hsa_id}")
        came = station.want("stock.moved", mandate, moves=[[order, 3, "stored", now_text()]])
    assert world.order_state(order) == ("waiting" if who == "an administrator" else "coming"), came
