"""Plausible errands, as what a station would tell of them: kinds and outcomes by weight, all people and cards made up.

Pure: the same generator of random numbers gives the same errand, but for its id.

>>> told = errand(Random(1), "sim-00001", 1)
>>> [one.type.rsplit(".", 2)[1:] for one in (told[0], told[-1])]
[['errand', 'started'], ['errand', 'ended']]
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import ErrandOutcome, EventType
from sim.fleet.device_state import SLOTS, WaitingCard
from sim.fleet.made_up_receipts import signed_receipt

Drawn = TypeVar("Drawn", bound=str)

_SIMULATED = {entry.id: entry.simulated for entry in catalog() if entry.simulated is not None}
KINDS = {kind: it.weight for kind, it in sorted(_SIMULATED.items(), key=lambda item: -item[1].weight)}
OUTCOMES = {
    ErrandOutcome.DONE: 84,
    ErrandOutcome.CANCELLED: 7,
    ErrandOutcome.TIMED_OUT: 4,
    ErrandOutcome.REFUSED: 3,
    ErrandOutcome.FAULT: 1,
    ErrandOutcome.UNKNOWN: 1,
}
REASONS = {ErrandOutcome.REFUSED: "card_locked", ErrandOutcome.FAULT: "card", ErrandOutcome.UNKNOWN: "card_pulled"}
SECONDS = {kind: it.seconds for kind, it in _SIMULATED.items()}
"""How long one takes where all goes well."""
PICKUP, ACTIVATE = "pickup", "activate"
HANDS_OVER = (PICKUP, ACTIVATE)
ATTESTED = {
    "administrator": "SIM0000000-A001", "logged_in_by": "server", "document": "driving_licence", "document_digits": "4711",
    "checks": ["document_accepted", "photo", "card_number"],
}  # fmt: skip
"""What an ID administrator who attends an activation has checked."""
EFFECTS = {kind: it.effects for kind, it in _SIMULATED.items() if it.effects}


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """Event that is going to be sent: `after_s` since the one before, its type, subject and data."""

    after_s: float
    type: str
    subject: str | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Visit:
    """Errand of one visit, and the events that tell of it."""

    station: str
    kind: str
    outcome: ErrandOutcome
    seconds: int
    errand: str
    about: dict[str, Any]
    slot: int
    tells: list[PlannedEvent] = field(default_factory=list)

    def tell(self, after_s: float, kind: str, content: dict[str, Any]) -> None:
        order = self.about.get("order")
        subject = f"order/{order}" if order else f"card/{self.about['card_number']}"
        self.tells.append(PlannedEvent(after_s, kind, subject, {"errand": self.errand, **content}))


def errand(
    random: Random,
    station: str,
    number: int,
    cards: Mapping[int, WaitingCard] | None = None,
    posted: Sequence[WaitingCard] | None = None,
) -> list[PlannedEvent]:
    """The `number`th errand at this station, from its start to its end. `cards`: what lies in its slots, of which a pick-up takes
    one; `posted`: what came to holders by post, of which one is activated; without any there is no such errand. None: any order,
    made up."""
    visit = _visit(random, station, number, cards, posted)
    visit.tell(0.0, EventType.ERRAND_STARTED, {"kind": visit.kind})
    steps = list(_steps(visit))
    begun: tuple[EventType, dict[str, Any]] | None = None
    if visit.outcome != ErrandOutcome.DONE:
        cut = random.randint(0, max(0, len(steps) - 1))
        begun = steps[cut] if cut < len(steps) else None
        steps = steps[:cut]
    each_s = visit.seconds / (len(steps) + 1)
    for kind, content in steps:
        visit.tell(each_s, kind, content)
    if visit.outcome == ErrandOutcome.UNKNOWN and begun is not None and begun[0] == EventType.EFFECT_DONE:
        facts = {name: value for name, value in begun[1].items() if name != "outcome"}
        visit.tell(0.0, EventType.EFFECT_UNKNOWN, facts)
    reason = {"reason": REASONS[visit.outcome]} if visit.outcome in REASONS else {}
    end = {"kind": visit.kind, "outcome": visit.outcome, "seconds": visit.seconds, **visit.about, **reason}
    visit.tell(each_s, EventType.ERRAND_ENDED, end | {"hsa_id": f"SIM-{visit.about['card_number'][-6:]}"})
    return visit.tells


def mean_seconds() -> float:
    """Return how long an errand takes on average, in seconds."""
    return sum(weight * SECONDS[kind] for kind, weight in KINDS.items()) / sum(KINDS.values())


def _visit(
    random: Random,
    station: str,
    number: int,
    cards: Mapping[int, WaitingCard] | None,
    posted: Sequence[WaitingCard] | None,
) -> _Visit:
    none_there = {kind for kind, some in ((PICKUP, cards), (ACTIVATE, posted)) if some is not None and not some}
    kinds = {kind: weight for kind, weight in KINDS.items() if kind not in none_there}
    kind, outcome = _draw_weighted(random, kinds), _draw_weighted(random, OUTCOMES)
    seconds = round(SECONDS[kind] * random.uniform(0.6, 1.6))
    about: dict[str, Any] = {"card_number": f"9999{random.randrange(10**12):012d}"}
    slot = random.randint(1, SLOTS)
    if kind == PICKUP and cards:
        slot = random.choice(sorted(cards))
        about = {"card_number": cards[slot].card_number, "order": cards[slot].order}
    elif kind == ACTIVATE and posted:
        card = random.choice(posted)
        about = {"card_number": card.card_number, "order": card.order}
    elif kind in HANDS_OVER:
        about["order"] = f"SIM-{station}-{number}"
    return _Visit(station, kind, outcome, seconds, str(uuid.uuid4()), about, slot)


def _draw_weighted(random: Random, weights: dict[Drawn, int]) -> Drawn:
    return random.choices(list(weights), list(weights.values()))[0]


def _steps(visit: _Visit) -> Iterator[tuple[EventType, dict[str, Any]]]:
    card_number = visit.about["card_number"]
    if visit.kind == ACTIVATE:
        yield EventType.IDENTITY_ATTESTED, {"order": visit.about["order"], **ATTESTED}
    known_facts = {**visit.about, "slot": visit.slot, "old_card": card_number, "key": "45", "reason": "lost"}
    for step in EFFECTS.get(visit.kind, ()):
        facts = {name: known_facts[name] for name in step.facts}
        yield EventType.EFFECT_DONE, {"effect": step.effect, "outcome": step.outcome, **facts}
    if visit.kind in HANDS_OVER:
        yield EventType.CARD_ACTIVATED, visit.about
        name = f"SIM-{visit.errand}"
        receipt = signed_receipt(visit.station, name, visit.about["order"], card_number)
        yield EventType.RECEIPT_ISSUED, {**visit.about, "number": name, "receipt": receipt, "signed": "attested"}
