"""Certificate requests that people carry to the issuer's portal, as rows: implements `CertificateIssuer` of `issuers.ports`.

Rules: a request waits for each card, use and key; who asks again with the same key gets the certificate once it is there, at
whichever station. A new key of the same card and use takes the place of the one before. A certificate is given back once, and
stays until the card has another key, so that a card that was torn off while it was written gets it again.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update

from fleet.messages.asking import InPortalResult, IssuedResult
from fleet.messages.issuing import Offer, Profile
from fleet.server.database.database import Database
from fleet.server.issuers.certificate_files import (
    FileRefusedError,
    TrustedIssuers,
    WantedCertificate,
    check_certificate_file,
)
from fleet.server.issuers.certificate_requests import public_key_of
from fleet.server.issuers.ports import CertificateRequest
from fleet.server.issuers.tables import certificate_requests

NOT_TAKEN = "not_taken"
"""Cause of a request whose certificate was given back, and did not hold when the station came for it."""


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request as the portal takes it: PKCS#10 in PEM."""

    name: str
    content: str


class CertificatesByHand:
    """From any thread. All methods raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], trusted: TrustedIssuers | None = None
    ) -> None:
        """`trusted`: whose certificates are taken; None where this server has no issuer."""
        self._database = database
        self._clock = clock
        self._trusted = trusted

    async def certificate(self, request: CertificateRequest) -> IssuedResult | InPortalResult:
        """The certificate, once somebody has given it back; until then its request waits."""
        return await asyncio.to_thread(self.answer, request)

    async def offers(self, card_number: str, offers: Sequence[Offer]) -> tuple[Offer, ...]:
        """The same, with the key that waits, and whether its certificate is there."""
        return await asyncio.to_thread(self._offers, card_number, offers)

    async def reopen(self, request: CertificateRequest) -> None:
        """Let the request wait for people again: the certificate that was given back does not hold any more."""
        await asyncio.to_thread(self._reopen, request)

    def file(self, id: str) -> RequestFile | None:
        """The request, for the portal; None where it does not wait."""
        row = self._row(id)
        if row is None:
            return None
        csr = x509.load_der_x509_csr(base64.b64decode(row.request))
        name = f"{row.card_number[-8:]}-{row.profile}.csr"
        return RequestFile(name, csr.public_bytes(Encoding.PEM).decode())

    def give(self, id: str, raw: bytes) -> None:
        """Take the portal's file as the answer to a request, once. Raises FileRefusedError: then nothing has changed."""
        row, now = self._row(id), self._clock()
        if row is None:
            raise FileRefusedError("given")
        if self._trusted is None:
            raise FileRefusedError("not_set_up")
        chain = check_certificate_file(raw, _wanted(row), self._trusted, now)
        encoded = json.dumps([base64.b64encode(each).decode() for each in chain])
        given = update(certificate_requests).where(_waits(id)).values(chain=encoded, given=now, cause=None)
        with self._database.writing.begin() as connection:
            if connection.execute(given).rowcount != 1:
                raise FileRefusedError("given")

    def answer(self, request: CertificateRequest) -> IssuedResult | InPortalResult:
        """The same, for a thread."""
        id, key, now = request_id(request), _key_of(request), self._clock()
        with self._database.writing.begin() as connection:
            _replace_others(connection, request, id)
            this = certificate_requests.c.id == id
            row = connection.execute(select(certificate_requests).where(this)).first()
            if row is not None and row.chain is not None:
                connection.execute(update(certificate_requests).where(this).values(fetched=now))
                return IssuedResult(tuple(json.loads(row.chain)))
            values = {"station": request.station, "last_day": request.offer.not_after}
            if row is None:
                connection.execute(insert(certificate_requests).values(**_values(request, id, key, now)))
            else:
                again = {} if row.ended is None else {"made": now, "ended": None}
                connection.execute(update(certificate_requests).where(this).values(**values, **again))
        return InPortalResult()

    def _offers(self, card_number: str, offers: Sequence[Offer]) -> tuple[Offer, ...]:
        with self._database.reading.begin() as connection:
            theirs = select(certificate_requests).where(certificate_requests.c.card_number == card_number)
            waiting = {(row.profile, row.loa): row for row in connection.execute(theirs)}
        return tuple(_offer(offer, waiting.get((offer.profile, offer.loa))) for offer in offers)

    def _reopen(self, request: CertificateRequest) -> None:
        this = certificate_requests.c.id == request_id(request)
        values = {"chain": None, "given": None, "fetched": None, "cause": NOT_TAKEN, "made": self._clock()}
        with self._database.writing.begin() as connection:
            connection.execute(update(certificate_requests).where(this).values(**values))

    def _row(self, id: str) -> Row[Any] | None:
        with self._database.reading.begin() as connection:
            return connection.execute(select(certificate_requests).where(_waits(id))).first()


def request_id(request: CertificateRequest) -> str:
    """Of a card, use, level and key: a card signs its request anew each time, so that the bytes differ."""
    text = "\0".join((request.card_number, request.offer.profile, str(request.offer.loa), _key_of(request)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def end_request(connection: Connection, id: str, now: datetime) -> None:
    """Nobody makes that certificate, by a person's word. Who asks again begins anew."""
    connection.execute(update(certificate_requests).where(_waits(id)).values(ended=now))


def _waits(id: str) -> ColumnElement[bool]:
    columns = certificate_requests.c
    return and_(columns.id == id, columns.chain.is_(None), columns.ended.is_(None))


def _replace_others(connection: Connection, request: CertificateRequest, id: str) -> None:
    """The card has another key for that use: what its former one waited for no card can take."""
    columns = certificate_requests.c
    same_use = and_(columns.card_number == request.card_number, columns.profile == request.offer.profile)
    connection.execute(delete(certificate_requests).where(same_use, columns.id != id))


def _key_of(request: CertificateRequest) -> str:
    """SubjectPublicKeyInfo, base64."""
    return base64.b64encode(public_key_of(x509.load_der_x509_csr(request.request).public_key())).decode()


def _values(request: CertificateRequest, id: str, key: str, now: datetime) -> dict[str, Any]:
    return {
        "id": id,
        "card_number": request.card_number,
        "hsa_id": request.hsa_id,
        "profile": request.offer.profile,
        "loa": request.offer.loa,
        "last_day": request.offer.not_after,
        "station": request.station,
        "key": key,
        "request": base64.b64encode(request.request).decode(),
        "made": now,
    }


def _offer(offer: Offer, row: Row[Any] | None) -> Offer:
    if row is None:
        return msgspec.structs.replace(offer, by_hand=True)
    is_ready = row.chain is not None and row.fetched is None
    return msgspec.structs.replace(offer, by_hand=True, key=row.key, ready=is_ready)


def _wanted(row: Row[Any]) -> WantedCertificate:
    profile: Profile = row.profile
    loa: Literal[2, 3] = row.loa
    return WantedCertificate(
        base64.b64decode(row.request), row.card_number, row.hsa_id, profile, loa, row.last_day
    )  # fmt: skip
