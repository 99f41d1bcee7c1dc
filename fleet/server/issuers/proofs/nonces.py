"""Nonces of mandates, for replay protection: given to one station for one card, good for a quarter of an hour, bound to the first
mandate, and used up by the first act.

Rules (docs/decisions, 0040): a nonce names the card that it was given for, and serves one act about that card, whose ask may be
repeated; what only reads, and answers to the card's own challenges, do not use it up. A grave act about another's card wants a
nonce that was given after the last such act of that person, so that none lies in stock, and there are twelve an hour. A nonce
that the station made itself blocks or holds the card that signed, or attests a hand-over: within 30 days, for one ask.
"""

import hashlib
import json
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, and_, delete, func, insert, not_, or_, select, update

from fleet.messages.asking import PersonAsk, tag_of
from fleet.messages.mandates import ABOUT_SIGNER, STATIONS_OWN, Mandate
from fleet.messages.vocabulary import AskName
from fleet.server.database.database import Database
from fleet.server.issuers.tables import login_nonces, wishes

LIFE = timedelta(minutes=15)
OWN_LIFE = timedelta(days=30)
"""Of a nonce that the station made: so long may a block wait for a connection."""
AHEAD = timedelta(minutes=10)
"""So far a station's clock may run before ours."""
GRAVE = (
    AskName.CARD_BIND, AskName.CARD_BLOCK, AskName.CARD_LETTER, AskName.CARD_LIFT, AskName.CARD_PUK,
    AskName.CERTIFICATE_REQUEST,
)  # fmt: skip
GRAVE_AN_HOUR = 12
"""Grave acts on others' cards by one person, at all stations."""
HOUR = timedelta(hours=1)
NO_EFFECT = ("declined", "in_portal")
"""Outcomes of an ask that nothing has come of."""
Refusal = Literal["nonce_unknown", "person_limit"]


class Nonces:
    """The table. Methods block; call them in a thread. All raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new(self, station: str, card_number: str, now: datetime) -> str:
        """A nonce for a mandate about that card, at that station; those that ran out are forgotten."""
        salt = secrets.token_hex(8)
        nonce = salt + _of_card(salt, card_number)
        given, own = login_nonces.c.ask.is_(None), login_nonces.c.ask.is_not(None)
        over = or_(
            and_(given, login_nonces.c.made < now - LIFE), and_(own, login_nonces.c.made < now - OWN_LIFE - AHEAD)
        )
        with self._database.writing.begin() as connection:
            connection.execute(delete(login_nonces).where(over))
            connection.execute(insert(login_nonces).values(nonce=nonce, station=station, made=now))
        return nonce

    def bind(
        self, station: str, mandate: Mandate, digest: str, ask: PersonAsk, hsa_id: str, now: datetime
    ) -> Refusal | None:
        """Why the mandate (its SHA-256 is `digest`) of that person may not stand behind the ask now; None where it may."""
        this, key = login_nonces.c.nonce == mandate.nonce, _own_key(mandate.nonce)
        with self._database.writing.begin() as connection:
            either = select(login_nonces).where(or_(this, login_nonces.c.nonce == key))
            row = connection.execute(either.order_by(login_nonces.c.ask.is_(None))).first()
            if row is not None and row.ask is not None:
                same = (row.station, row.mandate, row.ask) == (station, digest, ask.id)
                return None if same or _rides_along(row, station, digest, ask, now) else "nonce_unknown"
            if row is not None and now - LIFE <= row.made:
                if row.station != station or row.mandate not in (None, digest) or not _is_for(mandate, ask):
                    return "nonce_unknown"
                if getattr(ask, "card_number", "") != mandate.card_number and tag_of(ask) in GRAVE:
                    refusal = _count_act(connection, station, ask, hsa_id, row.made, now)
                    if refusal is not None:
                        return refusal
                used = None if _leaves_nonce(ask) else ask.id
                connection.execute(update(login_nonces).where(this).values(mandate=digest, ask=used))
                return None
            if not _may_be_own(mandate, ask) or not _lately(mandate.made, now):
                return "nonce_unknown"
            connection.execute(delete(login_nonces).where(this))
            own = {"nonce": key, "station": station, "made": now, "mandate": digest, "ask": ask.id}
            connection.execute(insert(login_nonces).values(own))
            return None

    def are_given(self, nonces: Collection[str]) -> bool:
        """Return whether all these nonces are the server's own, and not forgotten yet."""
        these = select(func.count()).select_from(login_nonces).where(login_nonces.c.nonce.in_(nonces))
        with self._database.reading.begin() as connection:
            return connection.execute(these).scalar_one() == len(set(nonces))

    def release(self, nonces: Collection[str], ask: str) -> None:
        """Nothing has come of that ask: the nonces that the server gave for it serve another."""
        these = and_(login_nonces.c.nonce.in_(nonces), login_nonces.c.ask == ask)
        with self._database.writing.begin() as connection:
            connection.execute(update(login_nonces).where(these).values(ask=None))


def _own_key(nonce: str) -> str:
    """Under which a nonce of a station's own is kept: in another place than any that we give, whatever its form."""
    return hashlib.sha256(f"own {nonce}".encode()).hexdigest()[:32]


def is_given(nonce: str, card_numbers: Collection[str]) -> bool:
    """Return whether the nonce has the form of one that the server gave for one of these cards."""
    return any(nonce[16:] == _of_card(nonce[:16], number) for number in card_numbers)


def _of_card(salt: str, card_number: str) -> str:
    """The half of a nonce that binds it to its card."""
    return hashlib.sha256(f"{salt} {card_number}".encode()).hexdigest()[:16]


def _is_for(mandate: Mandate, ask: PersonAsk) -> bool:
    """Return whether the nonce was given for the card that the ask is about: the signer's own where it only reads."""
    return is_given(
        mandate.nonce, (mandate.card_number if tag_of(ask) in ABOUT_SIGNER else getattr(ask, "card_number", ""),)
    )


def _leaves_nonce(ask: PersonAsk) -> bool:
    """Return whether the ask leaves the nonce unused: one that is about no card; the answer to a challenge, which
    serves the card that made it alone; and a hand-over, which its order allows once."""
    return tag_of(ask) in {*ABOUT_SIGNER, AskName.CARD_CHALLENGE, AskName.CARD_RECEIVED}


def _rides_along(row: Any, station: str, digest: str, ask: PersonAsk, now: datetime) -> bool:
    """Return whether the ask goes with an act under the same mandate: a card is challenged several times for one
    certificate, and a hand-over may be told when the cable is in again."""
    life = OWN_LIFE if tag_of(ask) == AskName.CARD_RECEIVED else LIFE
    return bool(_leaves_nonce(ask) and (row.station, row.mandate) == (station, digest) and now - life <= row.made)


def _may_be_own(mandate: Mandate, ask: PersonAsk) -> bool:
    tag = tag_of(ask)
    puts_away = tag in (AskName.CARD_BLOCK, AskName.CARD_HOLD)
    return tag in STATIONS_OWN and (not puts_away or getattr(ask, "card_number", "") == mandate.card_number)


def _count_act(
    connection: Connection, station: str, ask: PersonAsk, hsa_id: str, given: datetime, now: datetime
) -> Refusal | None:
    """Count a grave act on another's card, in the transaction that looks whether there is room. `given`: when its nonce was."""
    this = and_(wishes.c.station == station, wishes.c.id == ask.id)
    theirs = wishes.c.people.contains(json.dumps(hsa_id), autoescape=True)
    lately = and_(wishes.c.ask.in_(GRAVE), wishes.c.at > now - HOUR, wishes.c.outcome.not_in(NO_EFFECT))
    count, last = connection.execute(
        select(func.count(), func.max(wishes.c.at)).where(lately, theirs, not_(this))
    ).one()
    if count >= GRAVE_AN_HOUR:
        return "person_limit"
    if last is not None and given < last:
        return "nonce_unknown"
    stored_people = connection.execute(select(wishes.c.people).where(this)).scalar()
    people = json.dumps([*json.loads(stored_people or "[]"), hsa_id])
    connection.execute(update(wishes).where(this).values(people=people))
    return None


def _lately(made: str, now: datetime) -> bool:
    """By the station's own clock; what is no time counts as long ago."""
    try:
        then = datetime.fromisoformat(made)
        return now - OWN_LIFE <= then <= now + AHEAD
    except (ValueError, TypeError):
        return False
