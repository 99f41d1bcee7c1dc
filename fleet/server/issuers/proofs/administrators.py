"""Authorization of ID administrators: who may attend, by certificate and list. Verification comes before (`proofs`)."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from cryptography import x509
from sqlalchemy import select

from fleet.messages.asking import DeclinedResult, LoggedInResult
from fleet.messages.attending import FOR_PROTECTED, LEVEL, Refusal, refusal_to_attend
from fleet.messages.link import Administrator
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.issuers.proofs.assurance import SHIPPED, is_for_identification, level_of
from fleet.server.issuers.proofs.certificate_chains import FAULTS, serial_number
from fleet.server.issuers.proofs.verification import Proven
from fleet.server.people.queries import administrator_at
from fleet.server.people.tables import administrators


class Attending:
    """Judges administrators. Methods block; call them in a thread."""

    def __init__(self, database: Database, levels: Mapping[str, int] = SHIPPED) -> None:
        """`levels`: level of assurance by policy of a certificate."""
        self._database = database
        self._levels = levels

    def refusal(
        self, station: str, certificate: x509.Certificate, now: datetime, of: Collection[str] = ()
    ) -> Refusal | Literal["not_for_identification"] | None:
        """Why the person whom the certificate names may not attend at that station, for a holder `of` these HSA-ids; None where
        they may. Chain, revocation and signature are the caller's."""
        try:
            if not is_for_identification(certificate):
                return "not_for_identification"
            level = level_of(certificate, self._levels)
        except FAULTS:
            return "not_for_identification"
        return refusal_to_attend(self.listed(station, serial_number(certificate), of), level, local_day(now))

    def listed(self, station: str, hsa_id: str, of: Collection[str] = ()) -> Administrator | None:
        """The row of that person, where it covers the station and one of these holders (none: whoever it is)."""
        with self._database.reading.begin() as connection:
            return administrator_at(connection, station, hsa_id, of)

    def still(self, station: str, hsa_id: str, now: datetime) -> bool:
        """Return whether somebody whose certificate was judged before may still attend."""
        return refusal_to_attend(self.listed(station, hsa_id), LEVEL, local_day(now)) is None

    def all_have_role_for_protected(self, station: str, people: Collection[str]) -> bool:
        """Return whether all of them (HSA-ids) have the role KUR at that station."""
        listed = (self.listed(station, hsa_id) for hsa_id in people)
        return all(administrator is not None and FOR_PROTECTED in administrator.roles for administrator in listed)


class Administrators:
    """The list. Methods block; call them in a thread. All raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database, levels: Mapping[str, int] = SHIPPED) -> None:
        """`levels`: level of assurance by policy of a certificate."""
        self._attending = Attending(database, levels)
        self._database = database

    def may_attend(
        self, person: Proven, station: str, now: datetime, of: Collection[str] = ()
    ) -> DeclinedResult | None:
        """None where they are an administrator at that station, for a holder `of` these HSA-ids; else why not."""
        refusal = self._attending.refusal(station, person.chain[0], now, of)
        return None if refusal is None else DeclinedResult(refusal)

    def log_in(self, person: Proven, station: str, now: datetime) -> LoggedInResult | DeclinedResult:
        """Return name and roles of the administrator by the list, or why they may not attend there."""
        refused, listed = self.may_attend(person, station, now), self._attending.listed(station, person.hsa_id)
        if refused is not None or listed is None:
            return refused or DeclinedResult("not_administrator")
        return LoggedInResult(listed.hsa_id, listed.name, listed.roles)

    def still(self, hsa_id: str, station: str, now: datetime) -> bool:
        """Return whether somebody whose proof was judged before may still attend."""
        return self._attending.still(station, hsa_id, now)

    def for_protected(self, station: str, people: Collection[str]) -> bool:
        """Return whether all of them (HSA-ids) have the role for protected identities there."""
        return self._attending.all_have_role_for_protected(station, people)

    def is_listed(self, hsa_id: str) -> bool:
        """Return whether that person is an administrator anywhere."""
        with self._database.reading.begin() as connection:
            listed = select(administrators.c.hsa_id).where(administrators.c.hsa_id == hsa_id)
            return connection.execute(listed).first() is not None
