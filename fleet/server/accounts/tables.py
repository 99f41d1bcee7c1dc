"""Tables of sign-in: accounts, sessions, one-time links, tokens, security keys, failed tries (throttling), and the audit chain.

Rules: of a session, a link and a token only the SHA-256 is kept, and secrets of one-time codes are sealed under a key that lies
elsewhere, so that a copy of the database signs nobody in. The
audit chain is only added to: `entry` holds the exact bytes that `hash` is made of, and `audit_head` the last of them, so
that entries cut off at the end are missed too.

>>> sorted(users.primary_key.columns.keys())
['id']
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from fleet.server.database.schema import RowId, UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("password", Text, comment="Argon2id, encoded; null where none is set, or the issuer of identities signs in"),
    Column(
        "secret",
        String(64),
        comment="of the one-time codes, in the clear, by an earlier version: sealed at the next start",
    ),
    Column("step", BigInteger, nullable=False, comment="the last time step of a code that was taken"),
    Column("subject", Text, comment="issuer and subject of OpenID Connect; null for a local account"),
    Column("disabled", Boolean, nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column(
        "sealed_secret",
        Text,
        comment="of the one-time codes (RFC 6238): `fleet.server.accounts.secret_encryption`",
    ),
    Column(
        "hsa_id",
        String(64),
        comment="as the issuer of identities said at the last sign-in or step-up; of a local account as two administrators said",
    ),
    Column("hsa_until", UtcDateTime, comment="so long two administrators' word counts; null where the issuer's does"),
    Column("mail", Text, comment="the person's own; of a local account, as two persons said"),
    Column("link_due", UtcDateTime, comment="since when a set-up link is to be mailed; null where none is"),
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

hsa_bindings = Table(
    "hsa_bindings",
    metadata,
    Column("user", ForeignKey("users.id"), primary_key=True),
    Column("hsa_id", String(64), nullable=False),
    Column("by", String(64), nullable=False, comment="who asked; the second person's word ends the row"),
    Column("reason", Text, nullable=False),
    Column("asked", UtcDateTime, nullable=False),
    Column("decide_by", UtcDateTime, nullable=False, comment="the second person's last moment"),
)

account_acts = Table(
    "account_acts",
    metadata,
    Column("user", ForeignKey("users.id"), primary_key=True),
    Column("by", ForeignKey("users.id"), primary_key=True, comment="who could be that account since"),
    Column("at", UtcDateTime, nullable=False, comment="the last time"),
    Column("act", String(16), nullable=False, comment="made, reset, granted or opened"),
)

first_hour = Table(
    "first_hour",
    metadata,
    Column("by", String(64), primary_key=True, comment="who has closed it; it is over with the second row"),
    Column("at", UtcDateTime, nullable=False),
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
    Column("stepped_up", UtcDateTime, comment="the last proof of who is there that is good for what touches cards"),
    Column("issuer_session", String(64), comment="SHA-256 of issuer and sid (OpenID Connect), for its log-out"),
    Index(None, "user"),
)

links = Table(
    "links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False, comment="set-up or sign-in"),
    Column("user", ForeignKey("users.id"), comment="null: the first administrator, who chooses a name"),
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
    Column("step_up", String(64), comment="the session that steps up; null: a sign-in"),
    Column("begun", UtcDateTime, comment="a step-up's proof is younger"),
    Column("ends", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(24), nullable=False),
    Column("stations", String(64), nullable=False),
    Column(
        "organisations",
        Text,
        nullable=False,
        default="",
        comment="beginnings of HSA-ids, with spaces between; empty: all",
    ),
    Column("made", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
    Column("revoked", Boolean, nullable=False),
    UniqueConstraint("name"),
)

webauthn_keys = Table(
    "webauthn_keys",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("user", ForeignKey("users.id"), nullable=False),
    Column("name", String(40), nullable=False, comment="as its owner calls it"),
    Column("credential", Text, nullable=False, comment="id, base64url"),
    Column("public_key", Text, nullable=False, comment="COSE, base64url"),
    Column("sign_count", BigInteger, nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("used", UtcDateTime),
    UniqueConstraint("credential"),
    UniqueConstraint("user", "name"),
)

webauthn_challenges = Table(
    "webauthn_challenges",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False, comment="register, sign-in or step-up"),
    Column("user", ForeignKey("users.id"), nullable=False),
    Column("session", String(64), comment="which asked; null before there is one"),
    Column("ends", UtcDateTime, nullable=False),
)

replays = Table(
    "replays",
    metadata,
    Column("hash", String(64), primary_key=True, comment="of a message that is good once"),
    Column("ends", UtcDateTime, nullable=False, comment="when the message would be refused as too old anyway"),
)

tries = Table(
    "tries",
    metadata,
    Column("key", String(80), primary_key=True, comment="account or address"),
    Column("since", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
)
