"""Tables of people: ID administrators, and the directory. `people` is what the rules make of `person_facts`."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata

administrators = Table(
    "administrators",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", String(16), nullable=False, comment="KRA, KUR, with a space between"),
    Column("level", Integer, nullable=False, comment="level of assurance (LoA) up to which they act"),
    Column("scope", Text, nullable=False, comment="patterns of station names, with spaces between"),
    Column("valid_from", String(10), comment="first day; null without"),
    Column("valid_until", String(10), comment="last day; null without"),
    Column("decision", Text, comment="of the responsible issuer, that the row rests on; null of an earlier version"),
    Column("since", UtcDateTime, comment="listed at level 3 without a break; null: for long"),
)


people = Table(
    "people",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("name", Text, comment="null for a protected identity"),
    Column("protected", Boolean, nullable=False),
    Column("left", String(10), comment="ISO 8601: the day on which the last assignment ended"),
    Column("continued", Boolean, nullable=False, comment="another assignment in the region follows"),
    Column("name_changed", String(10), comment="ISO 8601"),
    Column("changed", UtcDateTime, nullable=False),
    Column("mail", Text, comment="of LDAP; in no event"),
    Column("organisation", Text),
    Index(None, "left"),
    Index(None, "name_changed"),
)


person_facts = Table(
    "person_facts",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("fact", String(16), primary_key=True),
    Column("source", String(8), primary_key=True, comment="import, ldap or issuer"),
    Column("value", Text, comment="null: the source takes back what it said"),
    Column("seen", UtcDateTime, nullable=False, comment="when the source first said this"),
    Index(None, "source", "fact", "seen"),
)


person_certificates = Table(
    "person_certificates",
    metadata,
    Column("digest", String(32), primary_key=True, comment="of the certificate: fleet.messages.leavers"),
    Column("hsa_id", String(64), nullable=False),
    Column("last_day", String(10), nullable=False, comment="ISO 8601"),
    Column("card_number", String(40), comment="empty: nobody said; null: from before it was asked"),
    Index(None, "hsa_id"),
    Index(None, "last_day"),
    Index(None, "card_number"),
)


directory_syncs = Table(
    "directory_syncs",
    metadata,
    Column("source", String(8), primary_key=True),
    Column("tried", UtcDateTime, nullable=False),
    Column("done", UtcDateTime, comment="the last that was taken"),
    Column("people", Integer, nullable=False, comment="of the last that was taken"),
    Column("error", Text, comment="why the last try came to nothing; null where it did not"),
)
