"""A store in memory for tests of the web, and a region with 14 stations. All people, numbers and places are made up."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fleet.messages.link import DeviceState, SlotState, StationState
from fleet.messages.vocabulary import DeviceKind, EventType
from fleet.server.cards.stock.model import BinRow
from fleet.server.checkpoints.model import CheckpointRow
from fleet.server.errands.model import GOING_ON, TODAY, ErrandQuery, ErrandRow, EventRow
from fleet.server.orders.model import OrderRow
from fleet.server.readings.model import Summary
from fleet.server.stations.model import Contact, StationRow
from fleet.server.web.roles import Scope

NOW = datetime(2026, 11, 25, 9, 42, 18, tzinfo=UTC)
"""10:42 in Stockholm."""


@dataclass
class FakeReadings:
    """Implements `fleet.server.readings.model.Readings` over plain lists; a test changes them and calls `hub.publish`."""

    station_rows: list[StationRow] = field(default_factory=list)
    errand_rows: list[ErrandRow] = field(default_factory=list)
    order_rows: list[OrderRow] = field(default_factory=list)
    event_rows: list[EventRow] = field(default_factory=list)
    bins: dict[str, BinRow] = field(default_factory=dict)
    checkpoints: dict[str, CheckpointRow] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=dict)
    by_hour: tuple[tuple[int, int, int, int], ...] = ()
    by_kind: tuple[tuple[str, int], ...] = ()
    alarms: tuple[tuple[str, str, str], ...] = ()
    failing: bool = False

    def within(self, patterns: frozenset[str]) -> "FakeReadings":
        """The same object where it is all stations, so that a test can still change it."""
        if "*" in patterns:
            return self
        scope = Scope(patterns)
        return replace(
            self,
            station_rows=[row for row in self.station_rows if scope.allows(row.name)],
            errand_rows=[row for row in self.errand_rows if scope.allows(row.station)],
            order_rows=[row for row in self.order_rows if scope.allows(row.station)],
            event_rows=[row for row in self.event_rows if scope.allows(row.station)],
        )

    def summary(self, now: datetime) -> Summary:
        self._check()
        return Summary(
            stations=len(self.station_rows),
            stations_online=sum(row.online for row in self.station_rows),
            stations_silent=sum(row.contact is Contact.SILENT for row in self.station_rows),
            stations_receiving=sum(row.receives_visitors for row in self.station_rows),
            errands_today=sum(sum(hour[1:]) for hour in self.by_hour) or len(self.errand_rows),
            errands_by_hour=self.by_hour,
            errands_by_kind=self.by_kind,
            orders_waiting=sum(row.state == "waiting" for row in self.order_rows),
            alarms=self.alarms,
        )

    def stations(self, now: datetime) -> list[StationRow]:
        self._check()
        return [row for row in self.station_rows if row.retired is None]

    def retired_stations(self, now: datetime) -> list[StationRow]:
        self._check()
        return [row for row in self.station_rows if row.retired is not None]

    def station(self, name: str, now: datetime) -> StationRow | None:
        self._check()
        return next((row for row in self.station_rows if row.name == name), None)

    def bin(self, station: str) -> BinRow:
        self._check()
        return self.bins.get(station, BinRow(0))

    def checkpoint(self, station: str) -> CheckpointRow | None:
        self._check()
        return self.checkpoints.get(station)

    def errands(
        self, now: datetime, sought: ErrandQuery = TODAY, *, limit: int = 100, after: ErrandRow | None = None
    ) -> list[ErrandRow]:
        self._check()
        rows = [row for row in self.errand_rows if _is_sought(row, sought)]
        newest_first = sorted(rows, key=lambda row: row.started, reverse=True)
        first = 0 if after is None else newest_first.index(after) + 1
        return newest_first[first : first + limit]

    def errand(self, errand: str) -> ErrandRow | None:
        self._check()
        return next((row for row in self.errand_rows if row.errand == errand), None)

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[OrderRow], int]:
        self._check()
        wanted = search.casefold()
        rows = [row for row in self.order_rows if state in ("", row.state) and _fits(row, wanted)]
        return rows[offset : offset + limit], len(rows)

    def events(self, *, errand: str | None = None, station: str | None = None, limit: int = 200) -> list[EventRow]:
        self._check()
        rows = [row for row in self.event_rows if station in (None, row.station)]
        rows = [row for row in rows if errand in (None, row.content.get("errand"))]
        return sorted(rows, key=lambda row: (row.epoch, row.sequence))[-limit:]

    def receipt(self, number: str) -> bytes | None:
        self._check()
        return self.receipts.get(number)

    def put(self, row: StationRow) -> None:
        """Replace a station's row."""
        self.station_rows = [row if each.name == row.name else each for each in self.station_rows]

    def _check(self) -> None:
        if self.failing:
            raise RuntimeError("made-up fault of the store at /made/up/path")


def _is_sought(row: ErrandRow, sought: ErrandQuery) -> bool:
    day = row.started.astimezone().date()
    return (
        sought.station in (None, row.station)
        and sought.kind in ("", row.kind)
        and sought.outcome in ("", row.outcome or GOING_ON)
        and sought.day in (None, day)
    )


def _fits(row: OrderRow, wanted: str) -> bool:
    name = "" if row.protected else row.name or ""
    return any(wanted in text.casefold() for text in (row.order, row.hsa_id, row.card_number, name))


_PLACES = (
    ("lasarettet-a", "Lasarettet, entré A", 31),
    ("lasarettet-c", "Lasarettet, entré C", 6),
    ("angsvik", "Vårdcentralen Ängsvik", 4),
    ("psykiatrin-ostra", "Psykiatrin Östra", 9),
    ("bjorkangen", "Vårdcentralen Björkängen", 11),
    ("regionhuset", "Regionhuset", 17),
    ("asen", "Folktandvården Åsen", 5),
    ("ambulans-norr", "Ambulansstation Norr", 8),
    ("alvbro", "Rehab Älvbro", 6),
    ("stromvik", "Sjukhuset Strömvik", 14),
    ("soder", "Barnhälsan Söder", 3),
    ("kvarnby", "Vårdcentralen Kvarnby", 7),
    ("hamnen", "Hamnmottagningen", 2),
    ("lagret", "Centrallagret", 3),
)
_PEOPLE = (
    "Åsa Lindström", "Örjan Nyström", "Märta Höglund", "Ali Karimi", "Eva Sjöberg", "Nils Åkerblom", "Sara Öberg",
    "Johan Westman", "Lina Björk", "Oskar Dahl", "Fatima Noor", "Per Ekman",
)  # fmt: skip
_KINDS = ("pickup", "unblock", "pickup", "change_pin", "check_card", "return_card")


def demo_readings(now: datetime = NOW) -> FakeReadings:
    """A working morning: 14 stations, one closed, one low on paper, one offline; 126 errands and 60 orders."""
    readings = FakeReadings(
        station_rows=[_station(index, now) for index in range(len(_PLACES))],
        order_rows=[_order(index, now) for index in range(60)],
        by_hour=((6, 5, 0, 0), (7, 18, 1, 0), (8, 31, 2, 0), (9, 37, 4, 1), (10, 23, 2, 2)),
        by_kind=(
            ("unblock", 47),
            ("pickup", 33),
            ("change_pin", 19),
            ("return_card", 14),
            ("check_card", 11),
            ("report_lost", 2),
        ),
        alarms=(
            ("lasarettet-c", "out_of_service", "reader"),
            ("lasarettet-a", "device_fault", "kvittens"),
            ("angsvik", "offline", ""),
            ("stromvik", "order_expired", "NS-20417"),
        ),
    )
    for index in range(24):
        _add_errand(readings, index, now)
    return readings


def _station(index: int, now: datetime) -> StationRow:
    name, title, today = _PLACES[index]
    row = StationRow(
        name=name,
        title=title,
        contact=Contact.OFFLINE if name == "angsvik" else Contact.ONLINE,
        state=_state(index, now),
        heard=now - (timedelta(hours=3) if name == "angsvik" else timedelta(seconds=1 + index % 5)),
        errands_today=today,
        held_through=88_412 - index * 4_111,
        missing=2 if name == "hamnen" else 0,
        chain_ok=None if name == "lagret" else True,
        quarantined=0,
    )
    return replace(row, held_through=0) if name == "lagret" else row


def _state(index: int, now: datetime) -> StationState:
    name, title, _ = _PLACES[index]
    closed, low = name == "lasarettet-c", name == "lasarettet-a"
    devices = (
        DeviceState("kort", DeviceKind.READER, "no_reader" if closed else "ready", not closed),
        DeviceState("administrator", DeviceKind.READER, "ready", True),
        DeviceState("kvittens", DeviceKind.PRINTER, "paper_low" if low else "ready", True),
        DeviceState("skåp", DeviceKind.CABINET, "ready", True, virtual=name == "lagret"),
    )
    pattern = "pppepp?pppppeepppppepppe"
    words = {"p": "present", "e": "empty", "?": "unknown" if low else "empty"}
    slots = tuple(
        SlotState(number, words[pattern[number - 1] if low or (number * 7 + index) % 9 > index % 4 else "e"], "closed")  # type: ignore[arg-type]
        for number in range(1, 25)
    )
    return StationState(
        title=title,
        version="0.1.0",
        bootid="made-up-boot",
        time=now.isoformat(),
        errand="00000000-0000-4000-8000-000000000000" if low else None,
        step="pickup.new_pin" if low else None,
        devices=devices,
        slots=slots,
        outbox_depth=9 if name == "angsvik" else 0,
        out_of_service="reader" if closed else None,
        lacks=("levels", "contacts") if low else (),
    )


def _order(index: int, now: datetime) -> OrderRow:
    protected = index % 12 == 5
    state = ("waiting", "waiting", "collected", "waiting", "taken", "expired")[
        index % 6 if index % 6 < 4 or index < 6 else 0
    ]
    return OrderRow(
        order=f"NS-{20400 + index}",
        hsa_id=f"SE2321000999-7K{index:02X}",
        name=None if protected else _PEOPLE[index % len(_PEOPLE)],
        protected=protected,
        card_number=f"97522690{50826134 + index * 7919:08d}",
        product="eTjänstekort",
        loa=3 if index % 4 else 2,
        station=_PLACES[index % 10][0],
        slot=index % 24 + 1,
        last_day=(now + timedelta(days=-3 if state == "expired" else 80 - index)).date().isoformat(),
        state=state,
        changed=now - timedelta(hours=index * 3),
    )


def _add_errand(readings: FakeReadings, index: int, now: datetime) -> None:
    outcome = ("done", "done", "cancelled", "done", "timed_out", "done", "fault", "done")[index % 8] if index else None
    kind = _KINDS[index % len(_KINDS)]
    order = readings.order_rows[index]
    done = kind == "pickup" and outcome == "done"
    row = ErrandRow(
        errand=f"00000000-0000-4000-8000-{index:012d}",
        station=_PLACES[(0, 5, 9, 0, 4)[index % 5]][0],
        kind=kind,
        started=now - timedelta(minutes=1 + index * 7),
        ended=now - timedelta(minutes=index * 7) if outcome else None,
        outcome=outcome,
        order=order.order if kind == "pickup" else None,
        card_number=order.card_number,
        hsa_id=order.hsa_id,
        receipt=f"7F3A-{0x91C2 - index:04X}" if done else None,
    )
    readings.errand_rows.append(row)
    if row.receipt:
        readings.receipts[row.receipt] = b'{"payload":"bWFkZS11cA","signatures":[]}'
    readings.event_rows.extend(_events(row, 88_412 - (index + 1) * 12))


def _events(row: ErrandRow, first: int) -> list[EventRow]:
    facts: list[tuple[str, dict[str, object]]] = [(EventType.ERRAND_STARTED, {"kind": row.kind})]
    if row.kind == "pickup":
        facts += [(EventType.EFFECT_DONE, {"effect": "slot.open", "outcome": "opened", "slot": 14})]
        facts += [(EventType.EFFECT_DONE, {"effect": "slot.take", "outcome": "taken", "slot": 14})]
    if row.receipt:
        facts += [
            (EventType.EFFECT_DONE, {"effect": "card.unblock", "outcome": "accepted"}),
            (EventType.CARD_ACTIVATED, {"order": row.order, "card_number": row.card_number}),
            (
                EventType.RECEIPT_ISSUED,
                {"order": row.order, "number": row.receipt, "signed": "card", "receipt": {"payload": "…"}},
            ),
            (EventType.EFFECT_DONE, {"effect": "receipt.print", "outcome": "printed"}),
        ]
    if row.outcome == "fault":
        facts += [(EventType.EFFECT_UNKNOWN, {"effect": "card.unblock"})]
    if row.outcome:
        facts += [(EventType.ERRAND_ENDED, {"kind": row.kind, "outcome": row.outcome, "seconds": 60})]
    return [
        EventRow(
            row.station,
            1,
            first + step,
            kind,
            (row.started + timedelta(seconds=9 * step)).isoformat(),
            None,
            {"errand": row.errand, **content},
        )
        for step, (kind, content) in enumerate(facts)
    ]


ZONE = ZoneInfo("Europe/Stockholm")
