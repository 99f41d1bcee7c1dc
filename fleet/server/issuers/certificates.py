"""Register of issued certificates: those that came through this server, by card, and until when."""

import base64
from datetime import datetime

from cryptography import x509
from sqlalchemy import Connection, and_, select

from fleet.messages.asking import CertificateAsk, IssuedResult
from fleet.server.issuers.tables import certificates
from fleet.server.platform.database.bulk import insert_new
from fleet.server.platform.local_days import local_day


def keep_certificate(
    connection: Connection, station: str, ask: CertificateAsk, issued: IssuedResult, now: datetime
) -> None:
    """Note the new certificate, once. It was checked before: `issued.chain` begins with it."""
    made = x509.load_der_x509_certificate(base64.b64decode(issued.chain[0]))
    row = {
        "card_number": ask.card_number,
        "serial": f"{made.serial_number:x}",
        "hsa_id": ask.hsa_id,
        "profile": ask.profile,
        "loa": ask.loa,
        "last_day": made.not_valid_after_utc.astimezone().date().isoformat(),
        "station": station,
        "at": now,
    }
    insert_new(connection, certificates, row)


def days_of_reserve_certificates(connection: Connection, card_number: str) -> set[str]:
    """The days (ISO 8601) on which a reserve certificate of level 3 was made for that card here."""
    these = and_(
        certificates.c.card_number == card_number, certificates.c.profile == "reserve", certificates.c.loa == 3
    )
    return {local_day(row.at) for row in connection.execute(select(certificates.c.at).where(these))}
