"""Register of issued certificates: those that came through this server, by card, and until when."""

import base64
from datetime import datetime

from cryptography import x509
from sqlalchemy import Connection

from fleet.messages.asking import CertificateAsk, IssuedResult
from fleet.server.issuers.tables import certificates
from fleet.server.platform.database.bulk import insert_new


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
