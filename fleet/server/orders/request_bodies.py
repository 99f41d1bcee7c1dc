"""Request bodies of orders and of people of the directory: strict, with the bounds of the CSV files.

Rules: what fits here fits the file, so that both ways in store the same. A name of a protected identity is dropped.

>>> OrderBody.model_validate({"hsa_id": "TEST000000-0001", "name": "Alva Test", "card_number": "9752", "product": "601",
...     "loa": 3, "station": "entre-a", "last_day": "2026-08-30"}).record("O-1").slot
0
"""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BeforeValidator, Field

from fleet.messages.link import Delivery
from fleet.server.orders.model import OrderRecord
from fleet.server.people.model import Fact, Facts, PersonRow
from fleet.server.web.request_bodies import WHOLE, Body

ORDER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
HSA_ID = r"^[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}$"
CARD_NUMBER = r"^[A-Z0-9]{4,40}$"
STATION = r"^[a-z0-9][a-z0-9-]{0,39}$"
PLAIN = r"^[^\x00-\x1f\x7f]*$"
MOST = 100
"""Orders in one message."""

OrderName = Annotated[str, Path(pattern=ORDER)]
HsaId = Annotated[str, Path(pattern=HSA_ID)]
Number = Annotated[str, Path(pattern=CARD_NUMBER)]


def _day(value: object) -> object:
    if isinstance(value, date) or value is None:
        return value
    if not isinstance(value, str) or len(value) != len("2026-01-01"):
        raise ValueError("a day is text, as in 2026-08-30")
    return value


Day = Annotated[date, Field(strict=False), BeforeValidator(_day)]
Slot = Annotated[int, Field(strict=False, ge=1, le=999), WHOLE]
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=PLAIN)]


class Letter(Body):
    """Proof of a PUK: the issuer's HMAC-SHA-256 as hex, with the key of that id. Never a code."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    mac: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OrderBody(Body):
    """An order without its number. `slot`: null while the station is to choose, and of a card that goes by post."""

    hsa_id: Annotated[str, Field(pattern=HSA_ID)]
    name: Name
    protected: bool = False
    card_number: Annotated[str, Field(pattern=CARD_NUMBER)]
    product: Annotated[str, Field(min_length=1, max_length=80, pattern=PLAIN)]
    loa: Literal[2, 3]
    station: Annotated[str, Field(pattern=STATION)]
    slot: Slot | None = None
    last_day: Day
    envelope: Letter | None = None
    delivery: Delivery = "station"

    def record(self, order: str) -> OrderRecord:
        return OrderRecord(
            order=order,
            hsa_id=self.hsa_id,
            name=None if self.protected else self.name.strip() or self.name,
            protected=self.protected,
            card_number=self.card_number,
            product=self.product,
            loa=self.loa,
            station=self.station,
            slot=self.slot or 0,
            last_day=self.last_day.isoformat(),
            envelope_key=self.envelope.key if self.envelope else None,
            envelope_mac=self.envelope.mac if self.envelope else None,
            delivery=self.delivery,
        )


class NewOrder(OrderBody):
    """An order with its number."""

    order: Annotated[str, Field(pattern=ORDER)]


class OrdersBody(Body):
    """Some orders at once: all of them or none."""

    orders: Annotated[list[NewOrder], Field(min_length=1, max_length=MOST)]


class OrderChange(Body):
    """Fields of an order that change; the rest stays."""

    station: Annotated[str, Field(pattern=STATION)] | None = None
    slot: Slot | None = None
    last_day: Day | None = None
    delivery: Delivery | None = None

    def on(self, record: OrderRecord) -> OrderRecord:
        """Return that order with these changes. A slot of null takes the slot away."""
        changes: dict[str, Any] = {}
        if self.station is not None:
            changes["station"] = self.station
        if "slot" in self.model_fields_set:
            changes["slot"] = self.slot or 0
        if self.last_day is not None:
            changes["last_day"] = self.last_day.isoformat()
        if self.delivery is not None:
            changes["delivery"] = self.delivery
            if self.delivery == "post":
                changes.setdefault("slot", 0)
        return replace(record, **changes)


class PersonBody(Body):
    """A person as the directory has them now. `left`: the day on which the last assignment ended."""

    name: Name
    protected: bool = False
    left: Day | None = None
    continued: bool = False
    name_changed: Day | None = None

    def row(self, hsa_id: str) -> PersonRow:
        return PersonRow(
            hsa_id,
            None if self.protected else self.name,
            self.protected,
            self.left.isoformat() if self.left else None,
            self.continued,
            self.name_changed.isoformat() if self.name_changed else None,
        )


class PersonChange(Body):
    """Changes of facts of a person who is known; the rest stays."""

    left: Day | None = None
    continued: bool | None = None
    name_changed: Day | None = None

    def facts(self) -> Facts:
        """Return the facts that the body gives; null takes a day away."""
        facts: dict[Fact, str | None] = {}
        if "left" in self.model_fields_set:
            facts["left"] = self.left.isoformat() if self.left else None
        if "name_changed" in self.model_fields_set:
            facts["name_changed"] = self.name_changed.isoformat() if self.name_changed else None
        if self.continued is not None:
            facts["continued"] = "yes" if self.continued else None
        return facts


class Message(Body):
    """A message of an order system: orders that are placed or changed, and numbers of those that are cancelled."""

    orders: Annotated[list[NewOrder], Field(max_length=MOST)] = Field(default_factory=list)
    cancel: Annotated[list[Annotated[str, Field(pattern=ORDER)]], Field(max_length=MOST)] = Field(default_factory=list)
