"""Walks a visit through the real journey of its errand, and what the fleet server has of it afterwards.

Station, journal, outbox, ingest, orders and worklist are the real ones; cards, cabinet, printer, issuer and the person are twins.
The clock is passed in. The connection is back when the visit is over.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from campaigns.faults.server_core import Server
from campaigns.visits.issuers import Told, VisitIssuer, write_certificates_down, write_down
from campaigns.visits.mix import Issuer, Situation
from campaigns.visits.visitors import VISITORS, Guest, Visitor, actions_of, prepare_issuer
from fleet.messages.vocabulary import ErrandOutcome
from fleet.server.cards.service import CardService
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.orders.tables import orders
from fleet.server.worklist.model import Action, Kind, WorklistRow
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended
from kiosk.region import BothLanguages, WithoutHold, general
from kiosk.views import Busy, View
from sim.stories.devices import STATION
from sim.stories.room import Room, persona_of, quick_folder
from sim.stories.setting import room_for
from tests.fleet.server.conftest import KeptChanges

SHAPE = "siths"
"""Of every card: as public pages describe them."""
OFFICE = "Kortkontoret, plan 2, 08-123 00 00"
HOURS = BothLanguages(sv="Måndag till fredag 8–16.", en="Monday to Friday 8 to 4.")
REGION = general().model_copy(update={"office": OFFICE, "office_hours": HOURS})
"""What holds everywhere, with an office that is made up."""
INSTEAD = WithoutHold(
    by=BothLanguages(sv="ID-administratören på kontoret", en="the ID administrator at the office"),
    hours=24,
    blocks=True,
)


@dataclass(frozen=True)
class Walked:
    """A visit that is over. `last`: the last screen before the card was taken back."""

    situation: Situation
    issuer: Issuer
    ended: Ended
    last: View[Any]
    seen: tuple[str, ...]
    asked: tuple[Told, ...]
    rows: tuple[WorklistRow, ...]
    """All that stands on the server's worklist."""

    @property
    def card(self) -> str:
        return VISITORS[self.situation.visitor].card


def walk_all(situations: Iterable[Situation], issuer: Issuer) -> Iterator[Walked]:
    """Each of them once, in a station of its own."""
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        templates = folder / "templates"
        templates.mkdir()
        for number, situation in enumerate(situations):
            place = folder / str(number)
            place.mkdir()
            yield asyncio.run(walk(situation, issuer, place, templates))
            shutil.rmtree(place)


async def walk(situation: Situation, issuer: Issuer, folder: Path, templates: Path) -> Walked:
    """One visit. `folder` is the station's and empty; `templates` is where stores of the server are prepared."""
    visitor = VISITORS[situation.visitor]
    room = room_for(folder, replace(visitor.setting, shape=SHAPE))
    try:
        peer = VisitIssuer(room.clock, issuer, is_online=situation.is_online)
        peer.somebody_carries = situation.attendance == "there"
        prepare_issuer(room, peer)
        visitor.prepare(room, peer)
        room.equip(region=REGION.model_copy(update={"without_hold": None if peer.holds else INSTEAD}))
        someone, ended = await _visit(room, visitor, situation, templates)
        server = Server(room.clock, room.orders.all, STATION, templates)
        try:
            server.take(await room.chain())
            write_down(server, peer, visitor.card)
            write_certificates_down(server, peer)
            rows = _worklist(server).rows()
        finally:
            server.close()
    finally:
        await room.close()
    return Walked(situation, issuer, ended, _last(someone.shown), tuple(someone.names), tuple(peer.asked), tuple(rows))


async def _visit(room: Room, visitor: Visitor, situation: Situation, templates: Path) -> tuple[Guest, Ended]:
    """One errand; and once more with the administrator, where that is what the first try came to."""
    errand = next(errand for errand in ERRANDS if errand.id == visitor.errand)
    attends = situation.attendance == "there"
    stories = [visitor.story, *([visitor.again] if visitor.again is not None and attends else [])]
    for story in stories:
        actions = actions_of(visitor, story, attends=attends, slips=situation.slips)
        someone = Guest(room.world, room.clock, actions)
        ended = await room.errand(someone, errand.journey, errand.id)
        if ended.outcome == ErrandOutcome.DONE:
            break
        if attends and situation.is_online and visitor.row is not None:
            _act(room, visitor.row, templates)
    return someone, ended


def _act(room: Room, kind_and_action: tuple[Kind, Action], templates: Path) -> None:
    """The administrator finds the row on the worklist and acts; the station's list of orders follows."""
    server = Server(room.clock, room.orders.all, STATION, templates)
    try:
        worklist = _worklist(server)
        for row in worklist.rows():
            if row.kind == kind_and_action[0]:
                worklist.act(row, persona_of("13:new").hsa_id, kind_and_action[1], "")
        with server.database.reading.begin() as connection:
            days = {each.order: each.last_day for each in connection.execute(select(orders.c.order, orders.c.last_day))}
    finally:
        server.close()
    room.orders.all = tuple(msgspec.structs.replace(order, last_day=days[order.order]) for order in room.orders.all)


def _last(shown: Sequence[View[Any]]) -> View[Any]:
    return next(view for view in reversed(shown) if not (isinstance(view, Busy) or view.name == "closing.take_card"))


def _worklist(server: Server) -> WorklistService:
    changes, now = KeptChanges(), server.clock.now
    cards = CardService(server.database, changes, now)
    return WorklistService(server.database, cards, changes, now, load_worklist(), load_deadlines())
