"""Tables of the issuer services: requests of stations, the queue of holds and blocks, certificates and requests for them, nonces.

A request stays in the queue until the issuer has said yes or no, and stays visible after.
"""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from fleet.messages.vocabulary import AskName
from fleet.server.database.schema import UtcDateTime, metadata

HANDED_OVER = AskName.CARD_RECEIVED.value
"""`ask` of a request that no station makes: the holder has the card."""


wishes = Table(
    "wishes",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("id", String(32), primary_key=True, comment="made by the station: done once"),
    Column("ask", String(32), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the exact question"),
    Column("card_number", String(40), nullable=False),
    Column("people", Text, nullable=False, comment="JSON: HSA-ids of those in whose name it was asked"),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(64)),
    Column("hold_reason", String(16), comment="why a hold was asked for"),
    Column("result", Text, comment="JSON, to say again; null where a repetition is asked anew"),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "station", "ask", "at"),
    Index(None, "card_number"),
    Index(None, "ask", "outcome"),
    Index(None, "card_number", "ask", "outcome"),
    Index(None, "at"),
)


stopped_cards = Table(
    "stopped_cards",
    metadata,
    Column("card_number", String(40), primary_key=True),
    Column("stop", String(8), nullable=False, comment="held or blocked, as the register said last"),
    Column("at", UtcDateTime, nullable=False, comment="when it said so first"),
    Index(None, "at"),
)


login_nonces = Table(
    "login_nonces",
    metadata,
    Column("nonce", String(32), primary_key=True),
    Column("station", String(40), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("mandate", String(64), comment="SHA-256 of the first mandate that showed it"),
    Column("ask", String(32), comment="of a nonce that the station made: the one ask that it stands behind"),
)


certificates = Table(
    "certificates",
    metadata,
    Column("card_number", String(40), primary_key=True),
    Column("serial", String(64), primary_key=True, comment="hex"),
    Column("hsa_id", String(64), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("loa", Integer, nullable=False),
    Column("last_day", String(10), nullable=False, comment="ISO 8601"),
    Column("station", String(40), nullable=False, comment="where it was asked for"),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "last_day"),
)


certificate_requests = Table(
    "certificate_requests",
    metadata,
    Column("id", String(32), primary_key=True, comment="of card, use, level and key"),
    Column("card_number", String(40), nullable=False),
    Column("hsa_id", String(64), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("loa", Integer, nullable=False),
    Column("last_day", String(10), nullable=False, comment="ISO 8601: the last that the certificate may have"),
    Column("station", String(40), nullable=False, comment="where it was asked for last"),
    Column("key", Text, nullable=False, comment="SubjectPublicKeyInfo, base64"),
    Column("request", Text, nullable=False, comment="PKCS#10 in DER, base64"),
    Column("made", UtcDateTime, nullable=False),
    Column("chain", Text, comment="JSON: DER in base64, the certificate first; null until it is given back"),
    Column("given", UtcDateTime, comment="when somebody gave it back"),
    Column("fetched", UtcDateTime, comment="when a station came for it last"),
    Column("ended", UtcDateTime, comment="when somebody said that nobody makes it"),
    Column("cause", String(16), comment="why what was given back was not taken"),
    Index(None, "card_number"),
    Index(None, "given"),
)


requests = Table(
    "requests",
    metadata,
    Column("station", String(40), primary_key=True, comment="that asked; empty: the server itself"),
    Column("id", String(32), primary_key=True),
    Column("ask", String(16), nullable=False),
    Column("content", Text, nullable=False, comment="JSON: the exact question"),
    Column("card_number", String(40), nullable=False),
    Column("who", String(64), nullable=False, comment="HSA-id, account or rule in whose name it was asked"),
    Column("made", UtcDateTime, nullable=False),
    Column("state", String(8), nullable=False, comment="waiting, done or declined"),
    Column("tries", Integer, nullable=False),
    Column("due", UtcDateTime, comment="the next try; null once it is settled"),
    Column("tried", UtcDateTime, comment="the last try"),
    Column("error", Text, comment="why the last try came to nothing, in words; or the reason of a refusal"),
    Index(None, "state", "made"),
    Index(None, "due"),
    Index(None, "card_number"),
)
