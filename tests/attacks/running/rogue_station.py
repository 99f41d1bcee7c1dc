"""A station that is ours to play evil with: what its key, one PIN, and one administrator's log-in give it within a minute.

The card lies in its reader with its PIN typed: it signs as often as the station likes. Each effect is tried TRIES times, and
counted where register or store have it; a minute is what an hour's limits leave room for.

    python -m tests.attacks.running.rogue_station
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.running.acts import EVERYTHING, block, hand_over, hold, is_of, renew, reply_key
from tests.attacks.running.cards import Card, own_nonce
from tests.attacks.running.station import Station
from tests.attacks.running.wire import now_text
from tests.attacks.running.world import ABROAD, HOME, World, eventually, started

TRIES = 20
Effect = Callable[[World, Station, Card], int]


def _is(world: World, cards: Iterable[Card], state: str) -> int:
    return sum(world.card(card.number)["state"] == state for card in cards)


def _made_up_hand_overs(world: World, station: Station, _: Card) -> int:
    posted = [world.order("entre-home", "post") for _ in range(4)]
    for order, card in posted:
        hand_over(station, order, card.number, world.cards_of(HOME)[0].hsa_id)
    eventually(lambda: _is(world, (card for _, card in posted), "active") == 4, 10)
    return _is(world, (card for _, card in posted), "active")


def _holds(reason: str) -> Effect:
    def effect(world: World, station: Station, _: Card) -> int:
        ward = [world.person(ABROAD) for _ in range(TRIES)]
        for card in ward:
            hold(station, card.number, reason)
        states = [world.card(card.number) for card in ward]
        return sum(state["state"] == "held" and state["hold_reason"] == reason for state in states)

    return effect


def _letters(world: World, station: Station, _: Card) -> int:
    others = [world.person(ABROAD) for _ in range(TRIES)]
    for card in others:
        station.want("card.letter", card_number=card.number)
    return sum(len(world.issuer_audit(card.number, "letter")) for card in others)


def _states(world: World, station: Station, _: Card) -> int:
    told = [station.state(card.number)["outcome"] for card in world.cards_of(ABROAD)[: 3 * TRIES]]
    return told.count("card_state")


def _certificates(world: World, station: Station, own: Card) -> int:
    software = ec.generate_private_key(ec.SECP256R1())
    for profile in ("identification", "signature"):
        renew(station, station.mandate(own, f"certificate.request {own.number}"), own, software, profile)
    return 2 * is_of(world, own.number, software)


def _names(place: str) -> Effect:
    def effect(world: World, station: Station, own: Card) -> int:
        found = 0
        for card in world.cards_of(place)[-TRIES:]:
            mandate = station.mandate(
                own, f"directory.find {own.hsa_id}", f"directory.find {card.hsa_id}", "directory.find *"
            )
            found += station.want("directory.find", mandate, hsa_id=card.hsa_id, card_number="")["outcome"] == "found"
        return found

    return effect


def _puks(place: str) -> Effect:
    def effect(world: World, station: Station, own: Card) -> int:
        others = [world.person(place) for _ in range(TRIES)]
        for card in others:
            mandate = station.mandate(own, f"card.puk {card.number}", about=card.number)
            station.want("card.puk", mandate, card_number=card.number, reply_key=reply_key())
        return sum(world.card(card.number)["puk"] is None for card in others)

    return effect


def _blocks(place: str) -> Effect:
    def effect(world: World, station: Station, own: Card) -> int:
        others = [world.person(place) for _ in range(TRIES)]
        for card in others:
            block(station, station.mandate(own, f"card.block {card.number}", about=card.number), card.number)
        return _is(world, others, "blocked")

    return effect


def _stored_blocks(world: World, station: Station, own: Card) -> int:
    """Signed in advance, good without anybody."""
    others, then = [world.person() for _ in range(TRIES)], datetime.now(UTC) - timedelta(days=29)
    for card in others:
        means = (f"card.block {card.number}", *EVERYTHING)
        block(station, own.mandate(station.name, own_nonce(), means, then), card.number)
    return _is(world, others, "blocked")


def _lifts(world: World, station: Station, own: Card) -> int:
    stolen = [
        world.issued(world.person(), state="held", held_from="active", hold_reason="stolen") for _ in range(TRIES)
    ]
    for card in stolen:
        mandate = station.mandate(own, f"card.lift {card.number}", about=card.number)
        station.want("card.lift", mandate, card_number=card.number)
    return _is(world, stolen, "active")


def _own_block(world: World, station: Station, own: Card) -> int:
    station.want("card.block", own.mandate(station.name, own_nonce(), [f"card.block {own.number}"]), card_number=own.number,
                 reason="lost", wanted=now_text())  # fmt: skip
    return _is(world, [own], "blocked")


TABLE: dict[str, dict[str, Effect]] = {
    "the station's key alone": {
        "posted cards active by made-up events (of 4)": _made_up_hand_overs,
        "holds for theft": _holds("stolen"),
        "holds as lost": _holds("lost"),
        "letters home": _letters,
        f"states of strangers' cards (of {3 * TRIES})": _states,
    },
    "one PIN": {
        "certificates on a software key (of 2)": _certificates,
        "names of others": _names(HOME),
        "PUKs of others": _puks(HOME),
        "blocks of others": _blocks(HOME),
        "block of the own card (of 1)": _own_block,
    },
    "one administrator's log-in": {
        "PUKs, own organisation": _puks(HOME),
        "PUKs, other organisation": _puks(ABROAD),
        "blocks, own organisation": _blocks(HOME),
        "blocks, other organisation": _blocks(ABROAD),
        "lifts of holds for theft": _lifts,
        "names, own organisation": _names(HOME),
        "names, other organisation": _names(ABROAD),
        "blocks signed in advance, for 30 days": _stored_blocks,
    },
}


def main() -> None:
    print(f"{'who':<28} {f'effects within a minute, of {TRIES} tries':<48} {'had':>4}")
    with tempfile.TemporaryDirectory(prefix="kk-") as folder, started(Path(folder), holders=260) as world:
        for who, effects in TABLE.items():
            for what, effect in effects.items():
                own = world.administrator() if "administrator" in who else world.person()
                begun = time.monotonic()
                with world.station() as station:
                    had = effect(world, station, own)
                print(f"{who:<28} {what:<48} {had:>4}   in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
