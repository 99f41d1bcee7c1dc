"""A store with a week of trouble in it, and the worklist over it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, insert, select, update

from fleet.messages.asking import DeclinedResult, HeldResult, HoldAsk, LetterAsk, Result
from fleet.messages.issuing import HoldReason, Offer
from fleet.messages.link import Administrator
from fleet.messages.vocabulary import EventType
from fleet.server.cards.service import CardService
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.errands.tables import errands
from fleet.server.ingest.write import Writer
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.model import HandoverReport, RequestKey
from fleet.server.issuers.ports import CertificateRequest
from fleet.server.issuers.request_queue import enqueue
from fleet.server.issuers.requests import RequestLog
from fleet.server.issuers.tables import certificate_requests, requests, wishes
from fleet.server.orders.service import apply_step
from fleet.server.orders.tables import order_starts, orders
from fleet.server.people.model import ListedAdministrator, PersonRow
from fleet.server.people.queries import replace_administrators
from fleet.server.people.service import import_people
from fleet.server.receipts.tables import receipt_mails
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import stations
from fleet.server.worklist.model import WorklistRow
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from fleet.server.worklist.tables import worklist_acts
from tests.fakes.server.databases import either, new_store, on_postgres
from tests.fakes.server.readings import NOW
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived, hold_orders, record

__all__ = ["either", "on_postgres"]

HERE, THERE = "lasarettet-a", "lasarettet-c"
KRA, NOT_KRA = "TEST000000-A001", "TEST000000-A002"


@dataclass
class Desk:
    """The worklist over a store, and facts that a test puts there."""

    database: Database
    now: datetime = NOW
    changes: KeptChanges = field(default_factory=KeptChanges)
    made: int = 0

    @classmethod
    def opened(cls, path: Path) -> "Desk":
        return cls(new_store(path))

    def clear(self) -> None:
        """Everything that waits is gone; people who have signed in stay."""
        with self.database.writing.begin() as connection:
            asked = (requests, certificate_requests, wishes)
            for table in (worklist_acts, *asked, bins, bin_cards, reserve_cards, order_starts, orders):
                connection.execute(delete(table))

    def clock(self) -> datetime:
        return self.now

    @property
    def worklist(self) -> WorklistService:
        cards = CardService(self.database, self.changes, self.clock)
        return WorklistService(self.database, cards, self.changes, self.clock, load_worklist(), load_deadlines())

    def rows(self) -> dict[tuple[str, str], WorklistRow]:
        """By kind and subject."""
        return {(row.kind, row.subject): row for row in self.worklist.rows()}

    def order(self, order: str, card: str, state: str = "collected", station: str = HERE, **changes: object) -> None:
        hold_orders(
            self.database,
            record(order, card_number=card, station=station, **{"last_day": "2026-12-31", **changes}),  # type: ignore[arg-type]
            now=self.now,
        )
        with self.database.writing.begin() as connection:
            values = {"state": state, "changed": self.now}
            connection.execute(update(orders).where(orders.c.order == order).values(values))

    def last_day(self, order: str) -> str:
        with self.database.reading.begin() as connection:
            day: str = connection.execute(select(orders.c.last_day).where(orders.c.order == order)).scalar_one()
        return day

    def held(self, card: str, reason: HoldReason = "lost", result: Result | None = None, station: str = HERE) -> None:
        """A station put it on hold, in nobody's name."""
        ask = HoldAsk(id=self._id(), card_number=card, reason=reason, wanted="")
        RequestLog(self.database).keep(station, ask, (), result or HeldResult("active"), self.now)

    def letter_refused(self, card: str, reason: str) -> None:
        RequestLog(self.database).keep(
            HERE, LetterAsk(id=self._id(), card_number=card), (), DeclinedResult(reason), self.now
        )

    def used(self, card: str, kind: str, outcome: str = "done", station: str = HERE, *, tested: bool = True) -> None:
        """An errand with that card ended so; `tested`: something came of an effect in it."""
        self.made += 1
        sealing = SealingStation(station, epoch=self.made)
        about: dict[str, object] = {"errand": f"u-{self.made}", "card_number": card}
        effect = {**about, "effect": "card.test", "outcome": "accepted"}
        end = {**about, "kind": kind, "outcome": outcome, "hsa_id": "TEST000000-0001", "seconds": 0.0}
        told = [
            (EventType.ERRAND_STARTED, {**about, "kind": kind}),
            (EventType.EFFECT_DONE, effect),
            (EventType.ERRAND_ENDED, end),
        ]
        time = self.now.isoformat()
        sealed = [sealing.seal(what, data, time=time) for what, data in told if tested or what != EventType.EFFECT_DONE]
        Writer(self.database).commit(arrived(*sealed), self.now)

    def receipt_mail(
        self, number: str, state: str, error: str | None = None, card: str | None = None, station: str = "entre-a"
    ) -> None:
        """A receipt that its holder wanted by e-mail, of an errand with that card."""
        with self.database.writing.begin() as connection:
            add_stations(connection, {station})
            at = connection.execute(select(stations.c.id).where(stations.c.name == station)).scalar_one()
            errand = {"errand": number, "station": at, "kind": "change_pin", "started": self.now, "card_number": card}
            connection.execute(insert(errands).values(errand))
            wanted = {"wanted": self.now, "state": state, "error": error, "tries": 0, "statement": ""}
            connection.execute(insert(receipt_mails).values(number=number, station=at, errand=number, **wanted))

    def asked_for_certificate(self, card: str, station: str = HERE) -> str:
        """Somebody has to make a certificate in the issuer's portal. The request in PEM."""
        holder = x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, "TEST000000-0001")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(holder)
        asked = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        offer = Offer("identification", 3, "2030-01-01")
        wanted = CertificateRequest(
            asked.public_bytes(Encoding.DER), offer, card, "TEST000000-0001", station=station
        )  # fmt: skip
        CertificatesByHand(self.database, self.clock).answer(wanted)
        return asked.public_bytes(Encoding.PEM).decode()

    def emptied(self, station: int, counted: int, expected: int) -> None:
        by = {"by": KRA, "second": NOT_KRA, "sensor": None, "seal": "4411", "reason": "missing", "reference": ""}
        by |= {"differs": counted != expected}
        with self.database.writing.begin() as connection:
            connection.execute(
                insert(bins).values(station=station, emptied=self.now, counted=counted, expected=expected, **by)
            )

    def received(self, order: str, card: str, station: str, hsa_id: str = "TEST000000-0003") -> None:
        """A hand-over that people have proved, to be told to the issuer."""
        report = HandoverReport(
            id=f"{int(card):032}", card_number=card, order=order, hsa_id=hsa_id, handed_over=self.now.isoformat(), attested_by=()
        )  # fmt: skip
        with self.database.writing.begin() as connection:
            apply_step(connection, order, "collected", self.now)
            enqueue(connection, RequestKey(station, report.id), report, hsa_id, self.now)

    def dropped(self, station: int, card: str, *, by_number: bool) -> None:
        self.made += 1
        row = {"station": station, "epoch": 1, "sequence": self.made, "card_number": card, "dropped": self.now}
        with self.database.writing.begin() as connection:
            connection.execute(insert(bin_cards).values(**row, by_number=by_number))

    def quarantined(self, station: int, slot: int, card: str) -> None:
        lies = {"lies": True, "quarantined": True, "at": self.now}
        with self.database.writing.begin() as connection:
            connection.execute(insert(reserve_cards).values(station=station, slot=slot, card_number=card, **lies))

    def has_left(self, hsa_id: str, day: str) -> None:
        with self.database.writing.begin() as connection:
            import_people(connection, [PersonRow(hsa_id, "Bo Test", left=day)], self.now)

    def listed(self, *people: tuple[str, tuple[str, ...]], stations: tuple[str, ...] = (HERE,)) -> None:
        rows = [
            ListedAdministrator(Administrator(hsa_id, "Maj Test", roles, 3), stations)  # type: ignore[arg-type]
            for hsa_id, roles in people
        ]
        with self.database.writing.begin() as connection:
            replace_administrators(connection, rows)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def _id(self) -> str:
        self.made += 1
        return f"{self.made:032x}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.opened(tmp_path / "fleet.sqlite")
    yield made
    made.database.close()
