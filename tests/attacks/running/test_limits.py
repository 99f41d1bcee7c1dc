"""S4, S6 and S12: what a station's key and one card give an hour, what other stations are told of a card, and who is told."""

import base64
import hashlib
import json

import pytest

from tests.attacks.running.acts import block, hold, renew, reply_key
from tests.attacks.running.cards import Card
from tests.attacks.running.station import Station
from tests.attacks.running.wire import b64url, now_text, payload_of
from tests.attacks.running.world import ABROAD, HOME, World, eventually


def held(world: World, cards: list[Card]) -> list[str]:
    """Why each of them is on hold that is."""
    return [state["hold_reason"] for card in cards if (state := world.card(card.number))["state"] == "held"]


def test_a_stations_key_holds_a_ward(world: World) -> None:
    """S6: a station's key alone puts a ward's cards on a grave hold, which an administrator alone lifts"""
    ward = [world.person(ABROAD) for _ in range(8)]
    with world.station() as station:
        for card in ward:
            hold(station, card.number)
    found = held(world, ward)
    assert not {"stolen", "code_known"} & set(found), found
    assert len(found) <= 3, found


def test_stations_together_hold_a_region(world: World) -> None:
    """S6: keys of several stations, each within its limit, put a region's cards on hold"""
    region = [world.person(ABROAD) for _ in range(14)]
    for start in range(0, len(region), 2):
        with world.station() as station:
            for card in region[start : start + 2]:
                hold(station, card.number, "lost")
    assert len(held(world, region)) <= 10


def test_a_stations_key_orders_letters(world: World) -> None:
    """S6: a station's key alone has letters sent to the homes of another organisation's people"""
    others = [world.person(ABROAD) for _ in range(6)]
    with world.station() as station:
        for card in (*others, *others):
            station.want("card.letter", card_number=card.number)
    assert sum(len(world.issuer_audit(card.number, "letter")) for card in others) <= 3


def test_a_stations_key_reads_the_register(world: World) -> None:
    """S6: a station's key alone asks the state of every card of the region"""
    with world.station() as station:
        told = [station.state(card.number)["outcome"] for card in world.cards_of(ABROAD)[:40]]
    assert told.count("card_state") <= 30


@pytest.mark.parametrize("what", ["held", "blocked"])
def test_stations_without_a_cable_hear_of_a_card(world: World, what: str) -> None:
    """S4: a card that is held or blocked is unknown as such to a station that will be without a cable"""
    card = world.person()
    with world.station() as station:
        mandate = station.mandate(card, f"card.block {card.number}", f"card.hold {card.number}")
        if what == "held":
            station.want("card.hold", mandate, card_number=card.number, reason="stolen", wanted=now_text())
        else:
            block(station, mandate, card.number)
        assert world.card(card.number)["state"] == what
    with world.station() as other:
        of_leavers = digest_of(card.der)
        forms = [of_leavers, digest_of(f"kortkiosk-stop-v1 {what} {of_leavers}".encode())]
        assert eventually(lambda: any(form in lists(other) for form in forms), 30), "no signed list has it"


def digest_of(raw: bytes) -> str:
    """As lists have it."""
    return b64url(hashlib.sha256(raw).digest()[:16])


def lists(station: Station) -> str:
    """All that the server has signed for a station to go by when it is alone."""
    said = [json.dumps(station.sync())]
    cursor = None
    while True:
        page = station.ask({"ask": "region", "cursor": cursor, "have": None})
        said.append(json.dumps(page))
        said += [base64.b64decode(file["data"]).decode("latin-1") for file in page.get("files", ())]
        cursor = page.get("next")
        if not cursor:
            return "".join(said)


@pytest.mark.parametrize("what", ["PUKs", "blocks", "look-ups", "certificates"])
def test_nobody_hears_of_it(world: World, what: str) -> None:
    """S12: three PUKs, five blocks or thirty look-ups by one person, or two certificates for one card, and nobody is told"""
    administrator, before = world.administrator(), world.alarms()
    with world.station() as station:
        match what:
            case "PUKs":
                for card in (world.person() for _ in range(3)):
                    world.waits(card, station.name)
                    mandate = station.mandate(administrator, f"card.puk {card.number}", about=card.number)
                    station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
            case "blocks":
                for card in (world.person() for _ in range(5)):
                    world.waits(card, station.name)
                    block(
                        station,
                        station.mandate(administrator, f"card.block {card.number}", about=card.number),
                        card.number,
                    )
            case "look-ups":
                for card in world.cards_of(HOME)[30:60]:
                    mandate = station.mandate(
                        administrator, "directory.find *", f"directory.find {administrator.hsa_id}"
                    )
                    station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")
            case "certificates":
                card = world.person()
                for profile in ("identification", "signature"):
                    mandate = station.mandate(card, f"certificate.request {card.number}")
                    renew(station, mandate, card, card.key, profile)
                if len(world.certificates(card.number)) < 3:
                    return  # none is made: nothing to hear of
        assert eventually(lambda: bool(world.alarms() - before), 30), "no alarm"


def test_a_word_for_others(world: World) -> None:
    """A station reads what the server answers and orders to another"""
    with world.station() as station, world.station() as other:
        heard = []
        station.client.on_message = lambda _client, _data, message: heard.append(message.topic)
        for topic in (f"kortkiosk/v1/{other.name}/#", "kortkiosk/#", "#", f"$share/x/kortkiosk/v1/{other.name}/answer"):
            station.client.subscribe(topic, 1)
        other.nonce(world.person().number)
        assert payload_of(other.signed({}))["station"] == other.name
        assert not eventually(lambda: bool(heard), 1), heard
