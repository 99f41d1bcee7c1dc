"""Tables of stock: reserve cards in slots, emptied bins, and cards that fell into them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from fleet.server.database.schema import UtcDateTime, metadata
from fleet.server.stations.tables import stations

bins = Table(
    "bins",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("emptied", UtcDateTime, nullable=False),
    Column("by", String(64), nullable=False, comment="HSA-id of one administrator"),
    Column("second", String(64), nullable=False, comment="and of the other"),
    Column("counted", Integer, nullable=False),
    Column("expected", Integer, nullable=False, comment="by the station's own list"),
    Column("sensor", Integer, comment="by the cabinet; null where it did not say"),
    Column("seal", String(32), nullable=False, comment="number of the sealed bag"),
    Column("reason", String(32), nullable=False, comment="of a difference; empty where there was none"),
    Column("reference", String(32), nullable=False),
    Column("differs", Boolean, nullable=False, comment="these were not the cards of the station's list"),
)


bin_cards = Table(
    "bin_cards",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("card_number", String(40), nullable=False),
    Column("dropped", UtcDateTime, nullable=False),
    Column("by_number", Boolean, nullable=False, comment="its number was typed: nobody has seen the card"),
    Index(None, "station", "dropped"),
    Index(None, "card_number"),
)


reserve_cards = Table(
    "reserve_cards",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("card_number", String(40), nullable=False),
    Column("lies", Boolean, nullable=False, comment="false: it was taken out"),
    Column("at", UtcDateTime, nullable=False),
    Column("quarantined", Boolean, nullable=False, comment="it could not show that it is genuine"),
    Index(None, "lies", "at"),
)
