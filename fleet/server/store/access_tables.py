"""The tables of sign-in: people, sessions, links that work once, tokens, failed tries, and the audit chain.

Rules: of a session, a link and a token only the SHA-256 is kept, so that a copy of the database signs nobody in. The
audit chain is only added to: `entry` holds the exact bytes that `hash` is made of, and `audit_head` the last of them, so
that entries cut off at the end are missed too.

>>> audit.c.hash.type.length
64
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from fleet.server.store.tables import RowId, UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("password", Text, comment="Argon2id, encoded; null where none is set, or the issuer of identities signs in"),
    Column("secret", String(64), comment="of the one-time codes (RFC 6238), base32"),
    Column("step", BigInteger, nullable=False, comment="the last time step of a code that was taken"),
    Column("subject", Text, comment="issuer and subject of OpenID Connect; null for a local account"),
    Column("disabled", Boolean, nullable=False),
    Column("made", UtcDateTime, nullable=False),
    UniqueConstraint("name"),
    UniqueConstraint("subject"),
)

grants = Table(
    "grants",
    metadata,
    Column("user", ForeignKey("users.id"), primary_key=True),
    Column("role", String(24), primary_key=True),
    Column("stations", String(64), primary_key=True, comment="a station's name, or the beginning of names and `*`"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user", ForeignKey("users.id"), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("used", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
    Column("address", String(64), nullable=False),
    Index(None, "user"),
)

links = Table(
    "links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False, comment="set-up or sign-in"),
    Column("user", ForeignKey("users.id"), comment="null: the first administrator, who chooses a name"),
    Column("secret", String(64), nullable=False, comment="offered for one-time codes, base32"),
    Column("ends", UtcDateTime, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("hash", String(64), primary_key=True, comment="of the state sent to the issuer of identities"),
    Column("browser", String(64), nullable=False, comment="hash of the cookie that came with it"),
    Column("verifier", String(128), nullable=False, comment="of PKCE (RFC 7636)"),
    Column("nonce", String(64), nullable=False),
    Column("onward", Text, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(24), nullable=False),
    Column("stations", String(64), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
    Column("revoked", Boolean, nullable=False),
    UniqueConstraint("name"),
)

tries = Table(
    "tries",
    metadata,
    Column("key", String(80), primary_key=True, comment="account or address"),
    Column("since", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("entry", Text, nullable=False, comment="JSON, exact bytes; with the hash of the entry before"),
    Column("hash", String(64), nullable=False),
    Index(None, "who"),
    Index(None, "action"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: locked while an entry is added"),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
