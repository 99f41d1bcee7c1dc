"""Plausible errands, as what a station would tell of them: kinds and outcomes by weight, all people and cards made up.

Pure: the same generator of random numbers gives the same errand, but for its id.

>>> told = errand(Random(1), "sim-00001", 1)
>>> [one.type.rsplit(".", 2)[1:] for one in (told[0], told[-1])]
[['errand', 'started'], ['errand', 'ended']]
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import Effect, EventType

_SIMULATED = {entry.id: entry.simulated for entry in catalog() if entry.simulated is not None}
KINDS = {kind: it.weight for kind, it in sorted(_SIMULATED.items(), key=lambda item: -item[1].weight)}
OUTCOMES = {"done": 84, "cancelled": 7, "timed_out": 4, "refused": 3, "fault": 1, "unknown": 1}
SECONDS = {kind: it.seconds for kind, it in _SIMULATED.items()}
"""How long one takes where all goes well."""

EFFECTS: dict[str, tuple[tuple[str, str], ...]] = {
    "change_pin": (("card.change_pin", "done"),),
    "unblock": ((Effect.CARD_UNBLOCK, "done"),),
    "renew_certificate": ((Effect.CARD_GENERATE_KEY, "done"), (Effect.CARD_WRITE_CERTIFICATE, "done")),
    "return_card": ((Effect.DROP_CARD, "dropped"),),
    "report_lost": ((Effect.CARD_HOLD, "done"),),
    "clean_up": ((Effect.CARD_DELETE_CERTIFICATE, "done"),),
}
PICKUP_EFFECTS: tuple[tuple[str, str], ...] = (
    (Effect.SLOT_OPEN, "opened"),
    (Effect.SLOT_TAKE, "taken"),
    (Effect.CARD_UNBLOCK, "done"),
)
MOST_SLOTS = 24


@dataclass(frozen=True, slots=True)
class Told:
    """One event to be: `after_s` since the one before, its type, subject and data."""

    after_s: float
    type: str
    subject: str | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Visit:
    """What an errand is about."""

    kind: str
    outcome: str
    seconds: float
    errand: str
    about: dict[str, Any]
    slot: int
    tells: list[Told] = field(default_factory=list)

    def tell(self, after_s: float, kind: str, content: dict[str, Any]) -> None:
        order = self.about.get("order")
        subject = f"order/{order}" if order else f"card/{self.about['card_number']}"
        self.tells.append(Told(after_s, kind, subject, {"errand": self.errand, **content}))


def errand(random: Random, station: str, number: int) -> list[Told]:
    """The `number`th errand at this station, from its start to its end."""
    visit = _visit(random, station, number)
    visit.tell(0.0, EventType.ERRAND_STARTED, {"kind": visit.kind})
    steps = list(_steps(visit))
    if visit.outcome != "done":
        steps = steps[: random.randint(0, max(0, len(steps) - 1))]
    each_s = visit.seconds / (len(steps) + 1)
    for kind, content in steps:
        visit.tell(each_s, kind, content)
    if visit.outcome == "unknown":
        visit.tell(0.0, EventType.EFFECT_UNKNOWN, {"effect": Effect.CARD_WRITE_CERTIFICATE})
    end = {"kind": visit.kind, "outcome": visit.outcome, "seconds": round(visit.seconds, 1), **visit.about}
    visit.tell(each_s, EventType.ERRAND_ENDED, end)
    return visit.tells


def mean_seconds() -> float:
    """How long an errand takes on average."""
    return sum(weight * SECONDS[kind] for kind, weight in KINDS.items()) / sum(KINDS.values())


def _visit(random: Random, station: str, number: int) -> _Visit:
    kind, outcome = _drawn(random, KINDS), _drawn(random, OUTCOMES)
    seconds = SECONDS[kind] * random.uniform(0.6, 1.6)
    about: dict[str, Any] = {"card_number": f"9999{random.randrange(10**12):012d}"}
    if kind == "pickup":
        about["order"] = f"SIM-{station}-{number}"
    return _Visit(kind, outcome, seconds, str(uuid.uuid4()), about, random.randint(1, MOST_SLOTS))


def _drawn(random: Random, weights: dict[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _steps(visit: _Visit) -> Iterator[tuple[str, dict[str, Any]]]:
    if visit.kind == "pickup":
        for effect, outcome in PICKUP_EFFECTS:
            yield EventType.EFFECT_DONE, {"effect": effect, "outcome": outcome, "slot": visit.slot, **visit.about}
        yield EventType.CARD_ACTIVATED, visit.about
        receipt = {"payload": "e30", "signatures": [{"protected": "e30", "signature": "bWFkZSB1cA"}]}
        name = f"SIM-{visit.errand}"
        yield EventType.RECEIPT_ISSUED, {**visit.about, "number": name, "receipt": receipt, "signed": "attested"}
        return
    for effect, outcome in EFFECTS.get(visit.kind, ()):
        old = {"old_card": visit.about["card_number"]} if effect == Effect.DROP_CARD else {}
        yield EventType.EFFECT_DONE, {"effect": effect, "outcome": outcome, **old}
