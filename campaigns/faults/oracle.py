"""The oracle of `make campaign`: what must hold in the end, read from cards, cabinet, journals, server and issuer.

It is told nothing of the fault. A campaign gathers an `Evidence`; `judge` gives every rule that is broken, with the place. Rules:

- `events`: every event is at the server once, with the bytes of the station, in a chain without gap; nothing is set aside.
- `ends`: every errand that began has ended once; no effect is left without an outcome, and each outcome has its event.
- `code`: the code that a card has is the one that the screens said last, or one of both where they said that nobody knows.
- `tries`: no code reaches a card that nobody has typed; a try that is spent was told, or counts in the ledger of the station.
- `door`: a door that stands open, or a flap, was told of.
- `effects`: what happened to cards, slots, bin, paper and register was told, and what was told happened.
- `register`: no card is active that was given back; none is on hold that nobody reported, or whose holder did
  all there was to do.
- `way on`: whoever comes back comes to a good end, or an administrator's list names what waits for them.
- `orders`: an order is where its events say, is handed out once, and has one receipt.
- `screen`: the last screen says what the journal says.
- `secrets`: no code lies in a file.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.faults.parts import Options
from fleet.messages import events
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType
from sim.stories.room import short

Row = tuple[int, bytes, bytes, str]
"""(sequence, envelope, data, salt) of an event."""
UNTOLD = ("killed",)


@dataclass(frozen=True)
class Found:
    """A rule that was broken, and where."""

    rule: str
    where: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}"


@dataclass(frozen=True)
class StationEvidence:
    """Content of one station's file, and what the server holds of it."""

    name: str
    rows: Sequence[Row]
    held: Sequence[Row]
    open_effects: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    """Effect and outcome of all that its journal has concluded."""
    coded_twice: Sequence[str] = ()
    """Orders whose card was given a code in more than one errand."""
    open_slot: int | None = None
    flap_locked: bool = True
    papers: int = 0
    emptied_slots: Sequence[int] = ()
    """Slots in which a card lay at the beginning, and lies none."""
    untyped: int = 0
    """Commands with a code that nobody had typed in that visit."""
    puks: int = 0
    """Commands with a PUK."""
    uncounted: int = 0
    """Commands with a code for which the station's ledger had counted no try."""
    binned: Sequence[str] = ()
    """Numbers of the cards that fell into the bin in this campaign."""


@dataclass(frozen=True)
class CardEvidence:
    """One card of a holder."""

    number: str
    code: str
    first_code: str
    may_be: Sequence[str]
    """The codes that may apply by what the screens have said."""
    tries_spent: int
    """Of all its codes."""
    register: str = "active"
    """Its state at the issuer."""
    given_back: bool = False
    held_by_deadline: str = ""


@dataclass(frozen=True)
class VisitEvidence:
    """End of one visit to a station. `outcome` is `killed` where the station died."""

    station: str
    outcome: str
    reason: str
    views: Sequence[str]
    said: Sequence[str] = ()
    """Keys of the sentences on its last screens."""
    puks_typed: int = 0
    wrong_told: bool = False


@dataclass(frozen=True)
class Evidence:
    """All that a campaign has of one case."""

    errand: str
    expected: tuple[str, str]
    """Outcome and reason of the errand when nothing befalls it."""
    stations: Sequence[StationEvidence]
    cards: Sequence[CardEvidence]
    visits: Sequence[VisitEvidence]
    set_aside: int = 0
    order_states: Mapping[str, str] = field(default_factory=dict)
    offered: Sequence[str] = ()
    """Orders that a station would hand out, or have signed, if the holder came now."""
    alarms: Mapping[str, str] = field(default_factory=dict)
    register_told: Sequence[str] = ()
    """What the issuer was asked to change, and did: `block`, `hold`, `lift`, `certificate`."""
    secrets_in: Sequence[str] = ()
    """Names of files in which a code lies."""

    @property
    def told(self) -> list[str]:
        """All events of all stations, in short."""
        return [short(event) for station in self.stations for event in restored(station.rows)]

    @property
    def last(self) -> VisitEvidence:
        return self.visits[-1]

    @property
    def came_back(self) -> bool:
        return len(self.visits) > 1


def restored(rows: Sequence[Row]) -> list[Event]:
    """The events of these rows. Raises EventError where one does not fit its hashes."""
    return [events.restore(envelope, data, salt) for _, envelope, data, salt in rows]


Rule = Callable[[Evidence], Iterator[str]]


def judge(evidence: Evidence) -> list[Found]:
    """Every rule that is broken."""
    return [Found(name, where) for name, rule in RULES.items() for where in rule(evidence)]


NEVER = frozenset({"chain_broken", "conflict", "quarantined", "too_many_gaps", "unfit", "receipt_twice"})
"""Alarms that say that what came was wrong."""


def _events(evidence: Evidence) -> Iterator[str]:
    for station in evidence.stations:
        mine, theirs = list(station.rows), list(station.held)
        if mine != theirs:
            lost = {row[0] for row in mine} - {row[0] for row in theirs}
            yield f"{station.name}: {len(mine)} events, the server holds {len(theirs)}; lost {sorted(lost)}"
        prev = events.GENESIS
        for number, event in enumerate(restored(mine), 1):
            if (event.sequence, event.prev) != (number, prev):
                yield f"{station.name}: the chain breaks at {event.sequence}"
            prev = event.hash
    for code in sorted(NEVER & set(evidence.alarms)):
        yield f"the server has the alarm {code}: {evidence.alarms[code]}"
    if evidence.set_aside:
        yield f"{evidence.set_aside} messages were set aside"


def _ends(evidence: Evidence) -> Iterator[str]:
    for station in evidence.stations:
        began, ended = Counter[str](), Counter[str]()
        for event in restored(station.rows):
            if event.type == EventType.ERRAND_STARTED:
                began[event.content()["errand"]] += 1
            elif event.type == EventType.ERRAND_ENDED:
                ended[event.content()["errand"]] += 1
        if began != ended:
            yield f"{station.name}: {began.total()} errands began, {ended.total()} ended"
        yield from _told_as_ended(station, [visit for visit in evidence.visits if visit.station == station.name])
        for effect in station.open_effects:
            yield f"{station.name}: {effect} has no outcome"
        untold = Counter(station.outcomes) - Counter(short(event) for event in restored(station.rows))
        for outcome in untold:
            yield f"{station.name}: {outcome} is in the journal, and no event tells of it"


def _told_as_ended(station: StationEvidence, visits: Sequence[VisitEvidence]) -> Iterator[str]:
    """Yield where errands are told to end otherwise than visits. A station that died, or could not write, says what it can."""
    ends = [event.content() for event in restored(station.rows) if event.type == EventType.ERRAND_ENDED]
    recorded = Counter((str(end["outcome"]), end.get("reason", "")) for end in ends)
    seen = Counter(
        (visit.outcome, visit.reason) for visit in visits if visit.outcome != "killed" and visit.reason != "store"
    )
    for end in seen - recorded:
        yield f"{station.name}: a visit ended {end}, and no event tells of it"
    unsure = sum(visit.outcome == "killed" or visit.reason == "store" for visit in visits)
    done = sum(count for (outcome, _), count in (recorded - seen).items() if outcome == "done")
    if done > unsure:
        yield f"{station.name}: {done} good ends are told that nobody has seen"


def _code(evidence: Evidence) -> Iterator[str]:
    for card in evidence.cards:
        if card.code not in card.may_be:
            which = "the first one" if card.code == card.first_code else "a later one"
            yield f"{card.number} has {which}, which is not what was said last"


def _tries(evidence: Evidence) -> Iterator[str]:
    for station in evidence.stations:
        if station.uncounted:
            yield f"{station.name}: {station.uncounted} codes went out that its ledger did not count before"
        if station.untyped:
            yield f"{station.name}: {station.untyped} commands with a code that nobody typed"
        typed = sum(visit.puks_typed for visit in evidence.visits if visit.station == station.name)
        if station.puks > typed:
            yield f"{station.name}: {station.puks} commands with a PUK, which was typed {typed} times"
    spent = sum(card.tries_spent for card in evidence.cards)
    is_reported = any(visit.wrong_told for visit in evidence.visits)
    if spent > 0 and not is_reported and evidence.last.outcome == "done":
        yield f"{spent} tries are spent, and nothing was said of it"


def _door(evidence: Evidence) -> Iterator[str]:
    for station in evidence.stations:
        recorded = [short(event) for event in restored(station.rows)]
        explained = {
            "slot.close left_open",
            "slot.open unknown",
            "slot.take unknown",
            "slot.return unknown",
            "slot.close unknown",
        }
        cut_off = {"slot.open opened", "ended interrupted"} <= set(recorded)
        if station.open_slot is not None and not explained & set(recorded) and not cut_off:
            yield f"{station.name}: slot {station.open_slot} stands open, and nobody is told"
        if not station.flap_locked and not {"drop.open unknown", "drop.card unknown"} & set(recorded):
            yield f"{station.name}: the flap is not locked"


def _effects(evidence: Evidence) -> Iterator[str]:
    recorded = evidence.told
    yield from _effects_on_codes(evidence, recorded)
    for station in evidence.stations:
        mine = [short(event) for event in restored(station.rows)]
        out = {"slot.take taken", "slot.take unknown", "slot.open unknown", "card.taken_out", "slot.return unknown"}
        cut_off = {"slot.open opened", "ended interrupted"} <= set(
            mine
        )  # the fleet has: opened, and the errand cut off
        if station.emptied_slots and not out & set(mine) and not cut_off:
            yield f"{station.name}: the card of slot {station.emptied_slots[0]} is gone, and nothing tells of it"
        dropped = mine.count("drop.card dropped")
        unsure = sum(mine.count(f"drop.card {how}") for how in ("unknown", "mute", "jam", "fishing")) + mine.count(
            "drop.open unknown"
        )
        if not dropped <= len(station.binned) <= dropped + unsure:
            yield f"{station.name}: {len(station.binned)} cards in the bin, {dropped} told of"
        is_asked = any(view.endswith(".code_from_before") for visit in evidence.visits for view in visit.views)
        for order in () if is_asked else station.coded_twice:
            yield f"{station.name}: the card of {order} was given a code again, and nobody was asked for the first one"
        printed, unknown = _count(mine, "print", "printed"), _count(mine, "print", "unknown")
        if not printed <= station.papers <= printed + unknown:
            yield f"{station.name}: {station.papers} papers came out, {printed} told of, {unknown} unknown"
    for asked_for, effect, done in (
        (("block", "blocked in portal"), "card.block", ("blocked",)), (("hold",), "card.hold", ("held", "marked")),
        (("lift",), "card.lift", ("lifted",)), (("certificate",), "certificate.request", ("issued",)),
    ):  # fmt: skip
        did = set(asked_for) & set(evidence.register_told)
        recorded_done = {f"{effect} {how}" for how in done} & set(recorded)
        if recorded_done and not did:
            yield f"{sorted(recorded_done)} was told, and the issuer knows nothing of it"
        pledged = {f"drop.card {how}" for how in ("dropped", "unknown", "jam", "fishing", "mute")}
        unsure = {f"{effect} unknown", f"{effect} queued", f"{effect} unavailable", *pledged}
        if did and not recorded_done and not unsure & set(recorded):
            yield f"the issuer did {sorted(did)}, and no event tells of it"


def _effects_on_codes(evidence: Evidence, recorded: Sequence[str]) -> Iterator[str]:
    set_, unsure = {"accepted", "written"}, {"unknown"}
    outcomes = {line.rpartition(" ")[2] for line in recorded if line.startswith(("card.unblock ", "card.change "))}
    for card in evidence.cards:
        if card.code != card.first_code and not outcomes & (set_ | unsure):
            yield f"the code of {card.number} was changed, and no event tells of it"
    changed = any(card.code != card.first_code for card in evidence.cards)
    if outcomes & set_ and not changed and not outcomes & unsure:
        yield "a new code was told of, and the card has its first one"


def _count(recorded: Sequence[str], effect: str, outcome: str) -> int:
    return sum(1 for line in recorded if line.endswith(f".{effect} {outcome}") or line == f"printer.test {outcome}")


def _register(evidence: Evidence) -> Iterator[str]:
    reported = evidence.errand in ("return_card", "report_lost")
    unseen = "drop.card unknown" in evidence.told  # a card that may lie in the bin is held until its holder lifts it
    for card in evidence.cards:
        listed = any(card.number in argument for argument in evidence.alarms.values())
        if card.given_back and card.register == "active" and not listed:
            yield f"{card.number} lies in the bin and is active at the issuer"
        unasked = card.register == "blocked" or (card.register == "held" and not unseen)
        if unasked and not reported and not card.given_back:
            yield f"{card.number} is {card.register} at the issuer, and nobody reported it"
        if card.held_by_deadline and _did_all(evidence):
            yield f"{card.number} was {card.held_by_deadline} by a deadline, and its holder did all there was to do"


def _did_all(evidence: Evidence) -> bool:
    """The holder's last visit came to a good end, or the card never left the slot."""
    return evidence.last.outcome == "done" or "waiting" in evidence.order_states.values()


def _way_on(evidence: Evidence) -> Iterator[str]:
    if not evidence.came_back or (
        evidence.errand in OF_THE_STATION and evidence.last.station != evidence.visits[0].station
    ):
        return
    last, before = evidence.last, evidence.visits[0]
    if (before.outcome, before.reason) == evidence.expected or before.outcome == "done":
        return
    ends = {evidence.expected, *ALSO_WELL.get(evidence.errand, ())}
    if last.outcome == "done" or (last.outcome, last.reason) in ends:
        return
    if last.reason in AFTER_ALL.get(evidence.errand, ()) and _was_done(evidence) and not _is_left_halfway(evidence):
        return
    if last.reason in ("no_order", "nothing_waits") and _waits_elsewhere(evidence):
        return
    if last.views[-1:] == ["unblock.not_locked"]:
        return  # it is unlocked: the code that was chosen applies
    yield f"came back and ended {last.outcome} {last.reason} ({last.views[-4:]}) after {before.outcome} {before.reason}"


def _is_left_halfway(evidence: Evidence) -> bool:
    """Return whether the station of a pick-up cut off after its receipt does not go on with it: paper and old card are left."""
    recorded = evidence.told
    return (
        evidence.errand == "pickup"
        and evidence.last.station == evidence.visits[0].station
        and {"receipt.issued", "ended interrupted"} <= set(recorded)
        and "ended done" not in recorded
    )


def _waits_elsewhere(evidence: Evidence) -> bool:
    """Return whether the order is open at the station of the first visit, where its holder was told to come back to."""
    return evidence.last.station != evidence.visits[0].station and bool(evidence.offered)


ALSO_WELL: dict[str, tuple[tuple[str, str], ...]] = {}
"""Other ends of a return that leave nothing to be done, by errand."""
OF_THE_STATION = ("stock", "empty_bin", "service", "administrate")
"""Errands about the station itself: at another one they are others."""
AFTER_ALL: dict[str, frozenset[str]] = {
    "pickup": frozenset({"no_order", "nothing_waits"}),
    "attend": frozenset({"no_order", "nothing_waits"}),
    "activate": frozenset({"already_active", "not_by_post"}),
    "unblock": frozenset({"not_locked"}),
    "report_lost": frozenset({"already_blocked"}),
    "return_card": frozenset({"not_returned"}),
    "renew_certificate": frozenset({"too_early"}),
}
"""Reasons with which somebody is sent away whose errand was done the first time."""


def _was_done(evidence: Evidence) -> bool:
    if evidence.errand in OF_AN_ORDER:
        return "collected" in evidence.order_states.values()
    if evidence.errand == "report_lost" and "blocked in portal" in evidence.register_told:
        return True
    return bool({"ended done", "ended interrupted", "card.write_certificate accepted"} & set(evidence.told))


def _orders(evidence: Evidence) -> Iterator[str]:
    recorded = [event for station in evidence.stations for event in restored(station.rows)]
    done = any(visit.outcome == "done" for visit in evidence.visits)
    if evidence.errand in OF_AN_ORDER and done and "collected" not in evidence.order_states.values():
        yield "a visit handed an order over, and none is collected"
    for order, state in evidence.order_states.items():
        mine = [event for event in recorded if event.content().get("order") == order]
        done = any(e.type == EventType.ERRAND_ENDED and e.content()["outcome"] == "done" for e in mine)
        receipts = {e.content()["number"] for e in mine if e.type == EventType.RECEIPT_ISSUED}
        activated = any(e.type == EventType.CARD_ACTIVATED for e in mine)
        if len(receipts) > 1:
            yield f"{order} has {len(receipts)} receipts"
        if activated and state not in ("activated", "collected"):
            yield f"{order} is {state}, and its card was activated"
        if state == "collected" and not receipts:
            yield f"{order} is collected without a receipt"
        if done and not receipts:
            yield f"{order} was handed over without a receipt"
        if done and receipts and state != "collected":
            yield f"{order} is {state}, and it was handed over"
        taken = [short(event) for event in mine if short(event).startswith(("slot.take ", "slot.return "))]
        if taken[-1:] == ["slot.take taken"] and state in ("waiting", "coming"):
            yield f"{order} is {state}, and its card was taken"
        if order in evidence.offered and done and receipts:
            yield f"{order} is offered again"


OF_AN_ORDER = ("pickup", "attend", "activate")


def _screen(evidence: Evidence) -> Iterator[str]:
    for visit in evidence.visits:
        if visit.outcome in UNTOLD:
            continue
        last = visit.views[-1] if visit.views else ""
        stops = (f".stop.{visit.reason}", f"closing.{visit.reason}", f"closing.{visit.reason.removesuffix('_gone')}")
        if visit.outcome in ("refused", "fault") and visit.views and not last.endswith(stops):
            yield f"{visit.outcome} {visit.reason} ended on {last}"
        if "closing.errand_done" in visit.said:
            continue  # a fault after the good end, which was said
        if visit.outcome == "done" and visit.said and visit.reason in SAID and not SAID[visit.reason] & set(visit.said):
            yield f"done {visit.reason} said {list(visit.said)}"
        if (
            visit.outcome == "done"
            and evidence.errand in DONE_SAID
            and not DONE_SAID[evidence.errand] & set(visit.said)
        ):
            yield f"done said {list(visit.said)}"


DONE_SAID = {
    "pickup": {"done.title"},
    "attend": {"done.title"},
    "activate": {"done.title"},
    "unblock": {"unblock_done.title"},
    "change_pin": {"change_done.title"},
    "return_card": {"return_done.title"},
    "empty_bin": {"bin.done.title"},
}
"""By errand: what its last screen says where it went well."""
SAID = {
    "blocked": {"return_done.blocked", "lost_done.blocked.title", "lost_done.blocked.lead"},
    "held": {"return_done.held", "lost_done.held.title", "lost_done.held.lead"},
}
"""By reason of a good end: what the last screen says of the card."""


def _secrets(evidence: Evidence) -> Iterator[str]:
    for name in evidence.secrets_in:
        yield f"a code lies in {name}"


RULES: dict[str, Rule] = {
    "events": _events,
    "ends": _ends,
    "code": _code,
    "tries": _tries,
    "door": _door,
    "effects": _effects,
    "register": _register,
    "way on": _way_on,
    "orders": _orders,
    "screen": _screen,
    "secrets": _secrets,
}


def run_part(options: Options) -> int:
    """Part `oracle`: bugs planted one at a time."""
    from campaigns.faults.planted import run_planted  # it plays what this judges

    return run_planted(options)
