"""Log-in of ID administrators: a card's signature over the server's nonce, once, and the token that stands for it after.

A token is a JWS of the server's own key with a `typ` of its own, for one station and a quarter of an hour; it needs no memory.

>>> logins.administrator("entre-a", token, now)          # doctest: +SKIP
'TEST000000-0013'
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from sqlalchemy import select

from fleet.messages.asking import Declined, LoggedIn, LoginAsk, login_input
from fleet.server.issuers.attending import Attending
from fleet.server.issuers.chains import FAULTS, is_revoked, path, serial_number
from fleet.server.issuers.checking import der_of, signed_by
from fleet.server.issuers.levels import SHIPPED
from fleet.server.issuers.port import Standing
from fleet.server.issuers.wishes import Wishes
from fleet.server.signing import Signer
from fleet.server.store.database import Database
from fleet.server.store.tables import administrators

SESSION_TYP = "kortkiosk.administrator+jws"
TOKEN_LIFE = timedelta(minutes=15)


class _Token(msgspec.Struct, frozen=True):
    station: str
    hsa_id: str
    until: float


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whose certificates count: anchors, the authorities below them, and the newest lists of what is revoked."""

    anchors: Sequence[x509.Certificate]
    authorities: Sequence[x509.Certificate]
    lists: Callable[[], Sequence[bytes]]


class Logins:
    """Judges log-ins. Methods block; call them in a thread."""

    def __init__(
        self, database: Database, wishes: Wishes, signer: Signer, trusted: Trusted, levels: Mapping[str, int] = SHIPPED
    ) -> None:
        """`levels`: level of assurance by policy of a certificate."""
        self.attending = Attending(database, levels)
        self._database = database
        self._wishes = wishes
        self._signer = signer
        self._trusted = trusted

    def chain(self, ask: LoginAsk, now: datetime) -> tuple[x509.Certificate, ...] | None:
        """From the certificate to an anchor of ours; None where there is no such chain."""
        try:
            certificate = x509.load_der_x509_certificate(der_of(ask.certificate))
            return path(certificate, self._trusted.authorities, self._trusted.anchors, now)
        except FAULTS:
            return None

    def is_genuine(self, certificate: x509.Certificate, now: datetime) -> bool:
        """Whether an issuer of ours made it, and no list says that it is revoked. It may have expired."""
        at = min(now, certificate.not_valid_after_utc)
        made = path(certificate, self._trusted.authorities, self._trusted.anchors, at) is not None
        return made and not is_revoked(certificate, self._trusted.lists(), now)

    def log_in(self, station: str, ask: LoginAsk, now: datetime, standing: Standing) -> LoggedIn | Declined:
        """Nonce, chain, signature, revocation, list: all must fit. Which administrator it was is known only then.

        `standing`: the issuer's own word; where it is `unknown`, the lists at hand decide.
        """
        if not self._wishes.use_nonce(station, ask.nonce, now):
            return Declined("nonce_unknown")
        chain = self.chain(ask, now)
        if chain is None:
            return Declined("card_not_valid")
        certificate = chain[0]
        if not signed_by(certificate, login_input(station, ask.nonce), der_of(ask.signature), ask.algorithm):
            return Declined("bad_signature")
        revoked = (
            standing == "revoked" if standing != "unknown" else is_revoked(certificate, self._trusted.lists(), now)
        )
        if revoked is not False:
            return Declined("card_not_valid" if revoked else "status_unknown")
        refusal = self.attending.refusal(station, certificate, now)
        hsa_id = serial_number(certificate)
        listed = self.attending.listed(station, hsa_id)
        if refusal is not None or listed is None:
            return Declined(refusal or "not_administrator")
        return LoggedIn(hsa_id, listed.name, self._token(station, hsa_id, now), listed.roles)

    def name(self, hsa_id: str) -> str | None:
        """The name of the administrator with that HSA-id; None where that person is none."""
        with self._database.reading.begin() as connection:
            found = select(administrators.c.name).where(administrators.c.hsa_id == hsa_id)
            name: str | None = connection.execute(found).scalar()
        return name

    def administrator(self, station: str, token: str | None, now: datetime) -> str | None:
        """HSA-id of whom a token stands for, while it is valid at that station and they are on the list."""
        raw = self._signer.opened(token or "", SESSION_TYP)
        try:
            held = msgspec.json.decode(raw or b"", type=_Token)
        except msgspec.MsgspecError:
            return None
        counts = held.station == station and now.timestamp() <= held.until
        return held.hsa_id if counts and self.attending.still(station, held.hsa_id, now) else None

    def _token(self, station: str, hsa_id: str, now: datetime) -> str:
        held = _Token(station, hsa_id, (now + TOKEN_LIFE).timestamp())
        return self._signer.sign(msgspec.json.encode(held), SESSION_TYP)
