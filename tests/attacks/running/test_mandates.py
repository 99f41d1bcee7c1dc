"""S2, S3 and the defences of proofs: what a station with a card in it can have signed, and what that is good for."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.running.acts import EVERYTHING, block, is_of, renew, reply_key
from tests.attacks.running.cards import Card, own_nonce
from tests.attacks.running.wire import now_text
from tests.attacks.running.world import ABROAD, World


def test_one_pin_gives_an_electronic_identity(world: World) -> None:
    """S2: one PIN at a dishonest station becomes both certificates, for years, on a key in software"""
    card, software = world.person(), ec.generate_private_key(ec.SECP256R1())
    with world.station() as station:
        for profile in ("identification", "signature"):
            mandate = station.mandate(card, f"certificate.request {card.number}", "certificate.request *")
            renew(station, mandate, card, software, profile)
    assert not is_of(world, card.number, software)


def test_one_log_in_is_good_for_other_organisations_puks(world: World) -> None:
    """S3: one administrator's log-in at a dishonest station releases PUKs of another organisation"""
    administrator, others = world.administrator(), [world.person(ABROAD) for _ in range(3)]
    with world.station() as station:
        mandate = station.mandate(administrator, *EVERYTHING)
        for card in others:
            for one in (mandate, station.mandate(administrator, f"card.puk {card.number}", about=card.number)):
                station.want("card.puk", one, card_number=card.number, reply_key=reply_key())
    assert [world.card(card.number)["puk"] is None for card in others] == [False] * 3


def test_one_log_in_looks_people_up(world: World) -> None:
    """S3: one administrator's log-in at a dishonest station tells the names of another organisation"""
    administrator, others = world.administrator(), [world.person(ABROAD) for _ in range(3)]
    with world.station() as station:
        mandate = station.mandate(administrator, *EVERYTHING)
        told = [station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="") for card in others]
    assert [one["outcome"] for one in told if one["outcome"] == "found"] == []


def test_one_log_in_is_a_store_of_blocks(world: World) -> None:
    """S3: an administrator's card signs in advance, and the station blocks strangers' cards when nobody is there"""
    administrator, others = world.administrator(), [world.person(), world.person(ABROAD)]
    then = datetime.now(UTC) - timedelta(days=29)
    with world.station() as station:
        logged_in = station.mandate(administrator, *EVERYTHING)
        stored = [administrator.mandate(station.name, own_nonce(), EVERYTHING, then) for _ in others]
        stored += [administrator.mandate(station.name, own_nonce(), [f"card.block {c.number}"]) for c in others]
        for mandate, card in zip((*stored, logged_in, logged_in), (*others, *others, *others), strict=True):
            block(station, mandate, card.number)
    assert [world.card(card.number)["state"] for card in others] == ["active", "active"]


def test_one_log_in_releases_puks(world: World) -> None:
    """S3: one signature at a log-in releases PUKs of the administrator's own organisation"""
    administrator, others = world.administrator(), [world.person() for _ in range(3)]
    with world.station() as station:
        mandate = station.mandate(administrator, *EVERYTHING, *(f"card.puk {card.number}" for card in others))
        for card in others:
            station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
    assert sum(world.card(card.number)["puk"] is None for card in others) == 0


def test_a_card_that_stays_in_the_reader(world: World) -> None:
    """S3: an administrator's card that stays in the reader releases more than twelve PUKs in an hour, at several stations"""
    administrator, others = world.administrator(), [world.person() for _ in range(15)]
    for start in range(0, len(others), 5):
        with world.station() as station:
            for card in others[start : start + 5]:
                mandate = station.mandate(administrator, f"card.puk {card.number}", about=card.number)
                station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
    assert sum(world.card(card.number)["puk"] is None for card in others) <= 12


def test_a_nonce_of_another_station(world: World) -> None:
    """A mandate over another station's nonce"""
    card = world.person()
    with world.station() as station, world.station() as other:
        mandate = card.mandate(station.name, other.nonce(card.number), [f"directory.find {card.hsa_id}"])
        told = station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")
    assert told["outcome"] != "found", told


def test_a_second_mandate_on_a_nonce(world: World) -> None:
    """A second mandate over a nonce that another one has shown"""
    card = world.person()
    with world.station() as station:
        nonce = station.nonce(card.number)
        first = card.mandate(station.name, nonce, [f"directory.find {card.hsa_id}"])
        told = station.want("directory.find", first, hsa_id=card.hsa_id, card_number="")
        block(station, card.mandate(station.name, nonce, [f"card.block {card.number}"]), card.number)
    assert told["outcome"] == "found", told
    assert world.card(card.number)["state"] == "active"


def test_a_mandate_of_another_station(world: World) -> None:
    """What a card has signed at one station is shown at another"""
    card = world.person()
    with world.station() as station, world.station() as other:
        mandate = card.mandate(other.name, station.nonce(card.number), [f"directory.find {card.hsa_id}"])
        told = station.want("directory.find", mandate, wish_for=station.name, hsa_id=card.hsa_id, card_number="")
    assert told["outcome"] != "found", told


def test_a_mandate_that_names_another_card(world: World) -> None:
    """A card signs a mandate that says another person's card number, and blocks that card"""
    card, other = world.person(), world.person()
    with world.station() as station:
        means = [f"card.block {other.number}", "card.block *"]
        for nonce in (station.nonce(other.number), station.nonce(card.number), own_nonce()):
            block(station, card.at(other.number).mandate(station.name, nonce, means), other.number)
    assert world.card(other.number)["state"] == "active"


def test_a_mandate_that_names_ones_other_card(world: World) -> None:
    """A card on hold signs a mandate that says the number of its holder's other card, and identifies its holder"""
    card = world.issued(world.person(), state="held", held_from="active", hold_reason="stolen")
    other = world.issued(Card.made(world.cards, card.hsa_id, f"66660000{card.number[-8:]}"))
    with world.station() as station:
        mandate = card.at(other.number).mandate(
            station.name, station.nonce(other.number), [f"directory.find {card.hsa_id}"]
        )
        told = station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")
    assert told["outcome"] != "found", told


def test_what_was_not_meant(world: World) -> None:
    """A mandate for one thing is used for another: a visit that looked something up blocks the card"""
    card = world.person()
    with world.station() as station:
        mandate = station.mandate(card, f"directory.find {card.hsa_id}")
        block(station, mandate, card.number)
        block(station, card.mandate(station.name, own_nonce(), [f"card.letter {card.number}"]), card.number)
    assert world.card(card.number)["state"] == "active"


def test_a_blocked_card_proves_its_holder(world: World) -> None:
    """A card that was blocked an hour ago identifies whoever has it"""
    card = world.person()
    with world.station() as station:
        block(station, station.mandate(card, f"card.block {card.number}"), card.number)
        assert world.card(card.number)["state"] == "blocked"
        mandate = station.mandate(card, f"directory.find {card.hsa_id}", f"card.hold {card.number}")
        told = station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")
    assert told["outcome"] != "found", told


def test_a_card_that_is_another_persons_by_the_register(world: World) -> None:
    """A certificate that an issuer made for the wrong card speaks for that card's holder"""
    holder, stranger = world.person(), world.person()
    forged = Card.made(world.cards, stranger.hsa_id, holder.number)
    with world.station() as station:
        mandate = forged.mandate(station.name, station.nonce(holder.number), [f"directory.find {stranger.hsa_id}"])
        told = station.want("directory.find", mandate, hsa_id=stranger.hsa_id, card_number="")
        block(station, station.mandate(forged, f"card.block {holder.number}"), holder.number)
    assert told["outcome"] != "found", told
    assert world.card(holder.number)["state"] == "active"


@pytest.mark.parametrize("what", ["puk", "block", "lift", "look", "certificate"])
def test_a_stations_key_alone(world: World, what: str) -> None:
    """A station's key without a card releases a PUK, blocks, lifts, looks up, or has a certificate made"""
    card, software = world.person(), ec.generate_private_key(ec.SECP256R1())
    false = Card.made(world.cards, card.hsa_id, card.number)
    false = Card(card.hsa_id, card.number, false.key, card.certificate)
    with world.station() as station:
        acts = ("card.puk", "card.block", "card.lift", "certificate.request")
        mandate = station.mandate(false, *(f"{tag} {card.number}" for tag in acts), f"directory.find {card.hsa_id}")
        told: dict[str, Any] = {}
        match what:
            case "puk":
                for proofs in ((), (mandate,)):
                    told = station.want("card.puk", *proofs, card_number=card.number, reply_key=reply_key())
            case "block":
                told = block(station, mandate, card.number)
            case "lift":
                told = station.want("card.lift", mandate, card_number=card.number)
            case "look":
                told = station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")
            case "certificate":
                renew(
                    station, mandate, Card(card.hsa_id, card.number, software, card.certificate), software, "signature"
                )
    assert told.get("outcome") not in ("found", "lifted", "blocked", "released"), told
    assert (world.card(card.number)["state"], world.card(card.number)["puk"] is None) == ("active", False)
    assert not is_of(world, card.number, software)


def test_an_answer_is_asked_for_with_a_wish_of_another(world: World) -> None:
    """An overheard proof is used once more, for another question and another reply key"""
    card = world.person()
    with world.station() as station:
        mandate = station.mandate(card, f"directory.find {card.hsa_id}", f"card.block {card.number}")
        question = {
            "ask": "directory.find",
            "id": uuid.uuid4().hex,
            "proofs": [],
            "hsa_id": card.hsa_id,
            "card_number": "",
        }
        proof = mandate.proof(question)
        about = {"card_number": card.number, "reason": "lost", "wanted": now_text()}
        station.ask({"ask": "card.block", "id": uuid.uuid4().hex, "proofs": [proof], **about})
    assert world.card(card.number)["state"] == "active"
