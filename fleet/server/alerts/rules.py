"""Alert rules: what each finds in a look at the fleet. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from fleet.messages.command_verification import aware_time
from fleet.messages.link import DeviceState, StationState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from fleet.server.alerts.settings import AlertRule
from fleet.server.deadlines.settings import ALARMS
from fleet.server.enrolment.queries import WaitingStation
from fleet.server.keys.expiry import End, station_end
from fleet.server.stations.model import OFFLINE_AFTER, Contact

PAPER = (DeviceStatus.PAPER_LOW, DeviceStatus.OUT_OF_PAPER)
ENDING = ("certificate_ends", "certificate_ends_soon", "certificate_ends_now")
"""Opened one after the other as the days go by, so that people are told again; all close when it is renewed."""
DIRECTORY = "directory"
"""The part that has an alert of its own: nothing of the server fails with it."""
GROWS = {"silent": "offline", "cut_off": "offline"}
"""What turns into something worse: it closes without a word where that takes its place."""
URGENT = frozenset({"cut_off"})
"""Told at once, and not when it is known whether it is part of an outage: the rule has looked at the others itself."""
DONE_TO = ("administrator_listed", "role_granted", "station_approved")
"""What one person did, and others are told of: the subject is whom or what they did it to, the detail who it was."""
DONE_BY = ("many_puks", "many_blocks", "many_lookups")
"""The same of what one person did often: the subject is that person, the detail how often."""
ACTION_CODES = frozenset({*DONE_TO, *DONE_BY, "certificates_twice"})
LATCHED = frozenset(
    {
        *ACTION_CODES,
        "looked_across",
        "guessing",
        "letter_key_missing",
        "tries_reset",
        "recovery_released",
        "unsigned_ask",
        "chain_broken",
        "conflict",
        "quarantined",
        "unfit",
        "block_declined",
        "fact_unproved",
        "receipt_unproved",
        "too_many_gaps",
        "receipt_twice",
        "not_laid_out",
        "lists_dropped",
        "ask_unreadable",
        "chain_begun",
        "events_damaged",
        "former_life",
        "card_not_genuine",
        "bin_differs",
        "return_not_found",
        "many_holds",
        "administrator_reported",
        "command_unanswered",
        "duplicate_identity",
        "directory_many",
        "administrator_left",
        "retention_many",
        "store_differs",
        "broker_memory",
        "set_aside_full",
        "too_many_asks",
        "requests_many",
        *ALARMS,
    }
)
"""What has happened and does not pass by itself: such an alert closes once somebody has acknowledged it."""


@dataclass(frozen=True, slots=True)
class StationSnapshot:
    """One station in a look."""

    name: str
    contact: Contact
    heard: datetime | None
    state: StationState | None
    bin_cards: int = 0
    left: bool = False
    """The broker says that its connection has ended: its last will."""

    @property
    def site(self) -> str:
        """Its name without the last part; of one without parts the whole name.

        >>> StationSnapshot("entre-a", Contact.ONLINE, None, None).site
        'entre'
        """
        return self.name.rpartition("-")[0] or self.name


@dataclass(frozen=True, slots=True)
class RetiredStation:
    """A station that has left the fleet: nothing of it is judged but whether it speaks."""

    name: str
    retired: datetime
    heard: datetime | None


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm that ingest has kept."""

    station: str
    code: str
    argument: str
    last: datetime
    times: int


@dataclass(frozen=True, slots=True)
class FailedErrand:
    """An errand that ended in a fault, or unknown. `product` is empty where no order names it."""

    station: str
    product: str
    card_number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedCard:
    """A card that its holder gave back, and of which nobody has asked a hold or a block; or one that was handed over."""

    station: str
    order: str
    card_number: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RecentAction:
    """Recent action of somebody that others are told of. `by`: account or HSA-id; `times`: so often, in the rule's time."""

    code: str
    subject: str
    by: str
    at: datetime
    times: int = 1
    station: str = ""


class WaitingRow(Protocol):
    """The part of a row of the worklist that an alert needs."""

    @property
    def kind(self) -> str: ...
    @property
    def station(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def card_number(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def due(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """Proposal of one person to give something, which another one has to confirm, or can stop."""

    number: int
    kind: str
    since: datetime


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The fleet at one moment."""

    now: datetime
    stations: tuple[StationSnapshot, ...]
    kept: tuple[RaisedAlarm, ...] = ()
    failures: tuple[FailedErrand, ...] = ()
    returned: tuple[ReturnedCard, ...] = ()
    unregistered: tuple[ReturnedCard, ...] = ()
    """Cards that were handed over, and that the issuer has not confirmed."""
    worklist: Sequence[WaitingRow] = ()
    ends: tuple[End, ...] = ()
    """Of the server's own certificates, keys and secrets."""
    listening: datetime | None = None
    """Since when the server has been there to hear stations."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Parts of the server that do not work, and why not, in a word."""
    retired: tuple[RetiredStation, ...] = ()
    proposed: tuple[OpenProposal, ...] = ()
    waiting: tuple[WaitingStation, ...] = ()
    """New stations that nobody has let in or refused."""
    recent_actions: tuple[RecentAction, ...] = ()


AlertKey = tuple[str, str, str]
"""Station (empty: the whole fleet), code, and which one (a device, a slot, a product)."""


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule holds. `detail` says more, never a name or a code; `since` where the look itself knows it."""

    station: str
    code: str
    subject: str = ""
    detail: str = ""
    since: datetime | None = None
    times: int = field(default=1, compare=False)
    counts_from: datetime | None = field(default=None, compare=False)
    """From when on `after_s` counts, where that is later than `since`."""

    @property
    def key(self) -> AlertKey:
        """Station, code and subject, which make it the same alert."""
        return self.station, self.code, self.subject


Finder = Callable[[FleetSnapshot, AlertRule], Iterable[RuleMatch]]


def evaluate_rules(look: FleetSnapshot, rules: Mapping[str, AlertRule]) -> Iterator[RuleMatch]:
    """All that the rules find, whether it has lasted long enough or not. What is cut off is not offline as well."""
    matches = [match for code, rule in rules.items() if not rule.off for match in FINDERS[code](look, rule)]
    cut_off = {match.station for match in matches if match.code == "cut_off"}
    yield from (match for match in matches if match.code != "offline" or match.station not in cut_off)


def longest_window(rules: Mapping[str, AlertRule]) -> timedelta:
    """Return the longest window of the rules: so far back failures matter."""
    return timedelta(seconds=max(rule.window_s for rule in rules.values()))


def _states(look: FleetSnapshot) -> Iterator[tuple[StationSnapshot, StationState]]:
    """Stations whose word on themselves is fresh: a silent one says nothing about its devices."""
    for seen in look.stations:
        if seen.contact is Contact.ONLINE and seen.state is not None:
            yield seen, seen.state


def _contact(code: str, contact: Contact) -> Finder:
    """Stations that are silent, or offline, since they were last heard. While the server itself was not there, nobody was
    silent."""

    def find(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
        for seen in look.stations:
            if seen.contact is contact and seen.heard is not None:  # others are still to be set up
                counts_from = max(filter(None, (seen.heard, look.listening)), default=None)
                yield RuleMatch(seen.name, code, since=seen.heard, counts_from=counts_from)

    return find


def _cut_off(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """Stations in service whose connection has ended while others of their site are heard: somebody may have pulled the cable.
    It counts from when it is seen: wills of a whole site come one after the other."""
    heard = {seen.site for seen in look.stations if seen.contact is Contact.ONLINE}
    for seen in look.stations:
        state = seen.state
        in_service = (
            state is not None and state.out_of_service is None and (state.update is None or not state.update.step)
        )
        if seen.left and in_service and seen.heard is not None and seen.site in heard:
            yield RuleMatch(seen.name, "cut_off", since=seen.heard, counts_from=look.now)


def _device(code: str, wrong: Callable[[DeviceState], bool]) -> Finder:
    def find(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
        for seen, state in _states(look):
            for device in state.devices:
                if wrong(device):
                    yield RuleMatch(seen.name, code, device.name[:64], device.state)

    return find


def _slot(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """A door that stands open while nobody is at the station, or a sensor that says nothing."""
    for seen, state in _states(look):
        for slot in state.slots:
            if state.errand is None and (slot.door == "open" or "unknown" in (slot.door, slot.card)):
                yield RuleMatch(seen.name, "slot", str(slot.number), "open" if slot.door == "open" else "unknown")


def _bin(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
    for seen in look.stations:
        if seen.bin_cards >= rule.limit > 0:
            yield RuleMatch(seen.name, "bin_full", detail=str(seen.bin_cards))


def _clock(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
    """Ahead or behind, as the station measured it by the server's signed time. One that has measured nothing (it is older, or has
    had no signed time yet) is judged by the time of its state: that proves a clock that is ahead, and never one that is behind,
    for a state can be old."""
    for seen, state in _states(look):
        off_s = _ahead_s(state, look.now) if state.clock_off_s is None else state.clock_off_s
        if abs(off_s) > rule.limit:
            yield RuleMatch(seen.name, "clock", detail="ahead" if off_s > 0 else "behind")


def _ahead_s(state: StationState, now: datetime) -> float:
    station_time = aware_time(state.time)
    return 0.0 if station_time is None else max(0.0, (station_time - now).total_seconds())


def _version(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    states = list(_states(look))
    counts = Counter(state.version for _, state in states)
    if len(counts) < 2:
        return
    usual = max(counts, key=lambda version: (counts[version], version))
    for seen, state in states:
        if state.version != usual:
            yield RuleMatch(seen.name, "version", detail=state.version[:64])


def _update_failed(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """The last update did not end well, and the old image runs; until another one is ordered."""
    for seen, state in _states(look):
        if state.update is not None and state.update.failed is not None:
            yield RuleMatch(seen.name, "update_failed", detail=state.update.failed[:64])


def _data_open(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    for seen, state in _states(look):
        if state.data_kept == "open":
            yield RuleMatch(seen.name, "data_not_encrypted")


def _settings_refused(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """Settings of the fleet that a station did not take, or took back; until it takes others."""
    for seen, state in _states(look):
        if state.settings is not None and state.settings.refused:
            yield RuleMatch(seen.name, "settings_refused", detail=state.settings.reason[:64])


def _outbox(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
    for seen, state in _states(look):
        if state.outbox_depth >= rule.limit > 0:
            yield RuleMatch(seen.name, "outbox_depth", detail=str(state.outbox_depth))


def _product_failing(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
    """Different cards of one product, at whatever stations."""
    cards: defaultdict[str, set[str]] = defaultdict(set)
    for failure in _recent(look, rule):
        if failure.product:
            cards[failure.product].add(failure.card_number)
    for product, numbers in cards.items():
        if len(numbers) >= rule.limit:
            yield RuleMatch("", "product_failing", product[:64], str(len(numbers)))


def _reader_failing(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
    """Different cards at one station."""
    cards: defaultdict[str, set[str]] = defaultdict(set)
    for failure in _recent(look, rule):
        cards[failure.station].add(failure.card_number)
    for station, numbers in cards.items():
        if len(numbers) >= rule.limit:
            yield RuleMatch(station, "reader_failing", detail=str(len(numbers)))


def _returned(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    for card in look.returned:
        yield RuleMatch(card.station, "returned_open", card.order, card.card_number, since=card.since)


def _worklist_late(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    late = Counter(row.station for row in look.worklist if row.due <= look.now)
    for station, rows in late.items():
        yield RuleMatch(station, "worklist_late", detail=str(rows))


def _card_in_use(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """A card that nobody has handed over has its holder's code."""
    for row in look.worklist:
        if row.kind == "in_use":
            yield RuleMatch(row.station, "card_in_use", row.subject, row.card_number, since=row.since)


def _unregistered(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    for card in look.unregistered:
        yield RuleMatch(card.station, "handover_unregistered", card.order, card.card_number, since=card.since)


def _recent(look: FleetSnapshot, rule: AlertRule) -> Iterator[FailedErrand]:
    since = look.now - timedelta(seconds=rule.window_s)
    return (failure for failure in look.failures if failure.at >= since and failure.card_number)


def _ends(code: str) -> Finder:
    """Certificates, keys and secrets that have fewer days left than the rule's limit; a station's by its own word, also while it
    is away."""

    def find(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
        stations = (
            station_end(seen.name, seen.state.certificate_until, seen.state.certificate_from)
            for seen in look.stations
            if seen.state is not None
        )
        for end in (*look.ends, *(station for station in stations if station is not None)):
            if end.is_near(rule.limit, look.now):
                is_station = end.what == "station"
                subject = end.what if is_station else f"{end.what} {end.subject}".strip()
                detail = f"{end.at:%Y-%m-%d} {end.renewal}"
                yield RuleMatch(end.subject if is_station else "", code, subject, detail)

    return find


def _server_part(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """As `/health/ready` says it."""
    for part, why in look.parts.items():
        if part != DIRECTORY:
            yield RuleMatch("", "server_part", part, why)


def _directory_away(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """The region's directory was not read at the last try; the detail says why."""
    if DIRECTORY in look.parts:
        yield RuleMatch("", "directory_away", detail=look.parts[DIRECTORY])


def _retired_heard(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """A retired station that has spoken since, for as long as it would count as connected."""
    for seen in look.retired:
        if seen.heard is not None and seen.heard > max(seen.retired, look.now - OFFLINE_AFTER):
            yield RuleMatch(seen.name, "retired_heard", since=seen.heard)


def _waiting(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    """A station that is not in the fleet yet: the alert is the fleet's."""
    for seen in look.waiting:
        detail = "conflict" if seen.is_in_conflict else ""
        yield RuleMatch("", "station_waits_for_approval", seen.station, detail, since=seen.since)


def _proposed(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
    for each in look.proposed:
        yield RuleMatch("", "proposal_open", str(each.number), each.kind, since=each.since)


def _kept(code: str) -> Finder:
    def find(look: FleetSnapshot, _rule: AlertRule) -> Iterator[RuleMatch]:
        for alarm in look.kept:
            if alarm.code == code:
                yield RuleMatch(alarm.station, code, detail=alarm.argument, since=alarm.last, times=alarm.times)

    return find


def _recent_action(code: str) -> Finder:
    def find(look: FleetSnapshot, rule: AlertRule) -> Iterator[RuleMatch]:
        for action in look.recent_actions:
            if action.code == code and action.times >= rule.limit:
                detail = str(action.times) if code in DONE_BY else action.by
                yield RuleMatch(action.station, code, action.subject[:64], detail, since=action.at, times=action.times)

    return find


FINDERS: dict[str, Finder] = {
    "silent": _contact("silent", Contact.SILENT),
    "offline": _contact("offline", Contact.OFFLINE),
    "cut_off": _cut_off,
    "reader": _device("reader", lambda device: device.kind == DeviceKind.READER and not device.ok),
    "printer": _device(
        "printer", lambda device: device.kind == DeviceKind.PRINTER and not device.ok and device.state not in PAPER
    ),
    "paper": _device("paper", lambda device: device.kind == DeviceKind.PRINTER and device.state in PAPER),
    "cabinet": _device("cabinet", lambda device: device.kind == DeviceKind.CABINET and not device.ok),
    "slot": _slot,
    "bin_full": _bin,
    "clock": _clock,
    "version": _version,
    "update_failed": _update_failed,
    "data_not_encrypted": _data_open,
    "settings_refused": _settings_refused,
    "outbox_depth": _outbox,
    "product_failing": _product_failing,
    "reader_failing": _reader_failing,
    "server_part": _server_part,
    "directory_away": _directory_away,
    "returned_open": _returned,
    "retired_heard": _retired_heard,
    "station_waits_for_approval": _waiting,
    "proposal_open": _proposed,
    "handover_unregistered": _unregistered,
    "worklist_late": _worklist_late,
    "card_in_use": _card_in_use,
    **{code: _ends(code) for code in ENDING},
    **{code: _kept(code) for code in LATCHED - ACTION_CODES},
    **{code: _recent_action(code) for code in ACTION_CODES},
}
