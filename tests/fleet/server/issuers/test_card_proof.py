"""A card that waits for its holder proves itself by its own management key, which stays at the server."""

import hashlib
from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fleet.messages.asking import CardProof, CardProofAsk, DeclinedResult
from fleet.server.issuers.card_keys import CardKeys, HeldKey
from tests.fakes.issuers.server_side import NUMBER, Place, wish
from tests.fleet.server.conftest import hold_orders, record

KEY, WITNESS, CHALLENGE = bytes(range(24)), bytes(16), bytes(reversed(range(16)))


def asked(number: int, **facts: str) -> CardProofAsk:
    usual = {"card_number": NUMBER, "algorithm": "AES-192", "witness": WITNESS.hex(), "challenge": CHALLENGE.hex()}
    return CardProofAsk(id=wish(number), **usual | facts)  # type: ignore[arg-type]


def enciphered(block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - a single block
    return encryptor.update(block) + encryptor.finalize()


@pytest.fixture
def own(place: Place) -> Place:
    """The card has a management key of its own, and waits for its holder."""
    keys = CardKeys(
        {("management", NUMBER): [HeldKey("AES-192", KEY)], ("management", "*"): [HeldKey("AES-192", bytes(24))]}
    )
    hold_orders(place.database, record(card_number=NUMBER))
    place.issuer.parts = replace(place.issuer.parts, keys=keys)
    place.register.card = msgspec.structs.replace(place.register.card, state="waiting")
    return place


async def test_the_witness_is_deciphered_and_the_cards_answer_is_told_by_its_hash_alone(own: Place) -> None:
    said = await own.result(asked(1))
    assert isinstance(said, CardProof)
    assert enciphered(bytes.fromhex(said.witness)) == WITNESS
    assert said.digest == hashlib.sha256(enciphered(CHALLENGE)).hexdigest()
    assert enciphered(CHALLENGE).hex() not in repr(said)


@pytest.mark.parametrize("state", ["active", "held", "blocked", "returned", "voided"])
async def test_nobody_manages_a_card_in_use_by_it(own: Place, state: str) -> None:
    own.register.card = msgspec.structs.replace(own.register.card, state=state)
    assert await own.result(asked(1)) == DeclinedResult(f"card_{state}")


async def test_a_key_that_cards_share_proves_no_card(place: Place) -> None:
    hold_orders(place.database, record(card_number=NUMBER))
    place.register.card = msgspec.structs.replace(place.register.card, state="waiting")
    assert await place.result(asked(1)) == DeclinedResult("no_key")


async def test_a_station_at_which_no_order_waits_gets_nothing(own: Place) -> None:
    assert await own.result(asked(1), "entre-b") == DeclinedResult("unknown_card")


async def test_another_algorithm_an_odd_block_or_an_unknown_card_get_nothing(own: Place) -> None:
    assert await own.result(asked(1, algorithm="AES-128")) == DeclinedResult("no_key")
    assert await own.result(asked(2, witness="00" * 8)) == DeclinedResult("no_key")
    assert await own.result(asked(3, card_number="9999000010269999")) == DeclinedResult("unknown_card")
    for number, odd in enumerate(({"witness": "xy"}, {"challenge": ""}), 4):
        assert not (await own.ask(asked(number, **odd))).ok
