"""Evidence of a case of part `single`: what lies on its cards, in its files, at its server and issuer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from campaigns.faults.oracle import CardEvidence, Evidence, StationEvidence, VisitEvidence
from campaigns.faults.visitor import Visitor, first_code
from campaigns.faults.world import Station, World
from kiosk.ports import Ended
from kiosk.views import Point, Say, View
from sim.bench import cards as bench_cards
from sim.reader.cards import VirtualCard
from sim.stories.issuer import SimulatedIssuer

LAST_WORDS = 4
"""So many screens belong to an errand's end: what was done, and the paper that did not come."""
ASIDE = ("closing.take_card",)


CODED_TWICE = """
SELECT order_no FROM effect
WHERE order_no IS NOT NULL AND name IN ('card.unblock', 'card.change') AND outcome IN ('accepted', 'written')
GROUP BY order_no HAVING count(DISTINCT errand) > 1
"""


async def gather(world: World, visits: Sequence[tuple[Station, Visitor, Ended | None]]) -> Evidence:
    """Read everything. The world is still open."""
    tale, server = world.tale, world.server
    stations = [await _station(station) for station in (world.here, world.there) if station is not None]
    issuer = _issuer(world)
    used = {card for _, someone, _ in visits for card in someone.used}
    return Evidence(
        errand=tale.errand,
        expected=(tale.outcome, tale.reason),
        stations=stations,
        cards=[
            _card(world, name, issuer)
            for name in sorted(used)
            if name in world.here.world.cards or (world.orders and name == "1:new")
        ],
        visits=[_visit(*visit) for visit in visits],
        set_aside=server.set_aside(),
        order_states=server.order_states(),
        offered=_offered(world),
        alarms=server.alarms(),
        register_told=[ask[0] for ask in issuer.told] if issuer is not None else (),
        secrets_in=_secrets(world, visits),
    )


async def _station(station: Station) -> StationEvidence:
    def read(cx: Any) -> tuple[list[Any], ...]:
        rows = cx.execute("SELECT sequence, envelope, data, salt FROM outbox ORDER BY epoch, sequence").fetchall()
        effects = cx.execute("SELECT name, outcome FROM effect").fetchall()
        return rows, effects, cx.execute(CODED_TWICE).fetchall()

    rows, effects, coded_twice = await station.room.store.transact(read)
    cabinet = station.world.cabinet
    lay = station.world.scenario.slots
    return StationEvidence(
        station.name, [tuple(row) for row in rows], station.server.events_of(station.name),
        open_effects=[name for name, outcome in effects if outcome is None],
        outcomes=[f"{name} {outcome}" for name, outcome in effects if outcome is not None],
        coded_twice=[order for (order,) in coded_twice],
        open_slot=cabinet.open_slot_number,
        flap_locked=cabinet.drop.locked,
        papers=0 if station.tray is None else len(station.tray.papers),
        untyped=station.untyped + station.gate.untyped,
        uncounted=station.uncounted + station.gate.uncounted,
        puks=station.puks + station.gate.puks,
        emptied_slots=[slot for slot in lay if slot not in cabinet.cards],
        binned=[name for name in cabinet.drop.binned if name not in station.binned_before],
    )  # fmt: skip


def _card(world: World, name: str, issuer: SimulatedIssuer | None) -> CardEvidence:
    card: VirtualCard = world.here.world.card(name)
    number = bench_cards.persona(name).card_number
    record = issuer.cards.get(number) if issuer is not None else None
    binned = [
        binned_card
        for station in (world.here, world.there)
        if station
        for binned_card in station.world.cabinet.drop.binned
    ]
    codes = (card.codes.pin, card.codes.puk)
    return CardEvidence(
        number=number,
        code=card.codes.pin.value.decode(),
        first_code=first_code(name),
        may_be=world.knows.of(name),
        tries_spent=sum(code.tries_max - code.tries_left for code in codes) - world.spent_before.get(name, 0),
        register="active" if record is None else record.state,
        given_back=name in binned,
        held_by_deadline=world.server.issuer.holds.get(number, ""),
    )


def _visit(station: Station, someone: Visitor, ended: Ended | None) -> VisitEvidence:
    shown = [view for view in someone.shown if view.name not in ASIDE]
    return VisitEvidence(
        station.name,
        "killed" if ended is None else str(ended.outcome),
        "" if ended is None else ended.reason,
        [view.name for view in shown],
        [key for view in shown[-LAST_WORDS:] for key in keys_of(view)],
        puks_typed=sum(name.endswith(".puk") for name, _ in someone.typed),
        wrong_told=any("wrong" in name or "last" in name or "locked" in name for name in someone.names),
    )


def keys_of(view: View[Any]) -> list[str]:
    """Keys of all sentences of a view."""
    parts = [getattr(view, name, None) for name in ("title", "lead", "points", "facts")]
    flat = [element for part in parts if part is not None for element in (part if isinstance(part, tuple) else (part,))]
    return [
        element.key if isinstance(element, Say) else element.text.key
        for element in flat
        if isinstance(element, Say | Point)
    ]


def _issuer(world: World) -> SimulatedIssuer | None:
    issuer = world.here.issuer
    return issuer if isinstance(issuer, SimulatedIssuer) else None


def _offered(world: World) -> list[str]:
    orders = world.orders
    return [offered.order for order in orders for offered in world.server.offered(world.here.name, order.hsa_id)]


def _secrets(world: World, visits: Sequence[tuple[Station, Visitor, Ended | None]]) -> list[str]:
    codes = {code.encode() for _, someone, _ in visits for _, code in someone.typed}
    files = [path for path in world.folder.rglob("*") if "sqlite" in path.name or path.name == "tries.json"]
    files += list(world.server.path.parent.glob("fleet.sqlite*"))
    return [path.name for path in files if _holds(path, codes)]


def _holds(path: Path, codes: set[bytes]) -> bool:
    content = path.read_bytes()
    return any(code in content for code in codes)
