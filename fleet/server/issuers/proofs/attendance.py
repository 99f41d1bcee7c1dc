"""Authorization of attendance at a station: purpose and level of the certificate, the list, and the organisation."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from cryptography import x509

from fleet.messages.attending import FOR_PROTECTED, LEVEL, Refusal, refusal_to_attend
from fleet.messages.link import Administrator
from fleet.server.issuers.proofs.assurance import SHIPPED, is_for_identification, level_of
from fleet.server.issuers.proofs.certificate_chains import FAULTS, serial_number
from fleet.server.people.queries import administrator_at
from fleet.server.platform.database.database import Database
from fleet.server.platform.local_days import local_day


class Attending:
    """Judges administrators. Methods block; call them in a thread."""

    def __init__(self, database: Database, levels: Mapping[str, int] = SHIPPED) -> None:
        """`levels`: level of assurance by policy of a certificate."""
        self._database = database
        self._levels = levels

    def refusal(
        self, station: str, certificate: x509.Certificate, now: datetime
    ) -> Refusal | Literal["not_for_identification"] | None:
        """Why the person whom the certificate names may not attend at that station; None where they may. Chain, revocation and
        signature are the caller's."""
        try:
            if not is_for_identification(certificate):
                return "not_for_identification"
            level = level_of(certificate, self._levels)
        except FAULTS:
            return "not_for_identification"
        return refusal_to_attend(self.listed(station, serial_number(certificate)), level, local_day(now))

    def listed(self, station: str, hsa_id: str) -> Administrator | None:
        """The row of that person, where it covers the station."""
        with self._database.reading.begin() as connection:
            return administrator_at(connection, station, hsa_id)

    def still(self, station: str, hsa_id: str, now: datetime) -> bool:
        """Whether somebody whose certificate was judged before may attend yet."""
        return refusal_to_attend(self.listed(station, hsa_id), LEVEL, local_day(now)) is None

    def all_have_role_for_protected(self, station: str, people: Collection[str]) -> bool:
        """Whether all of them (HSA-ids) have the role KUR at that station."""
        listed = (self.listed(station, hsa_id) for hsa_id in people)
        return all(one is not None and FOR_PROTECTED in one.roles for one in listed)
