"""Export of evidence files: one file, written from one snapshot of the store, member by member.

Rules: content of events goes in only where the file is about them; of the others the envelopes alone, which the chain needs. What
is in it in one state of the store is always the same, but for the time, the list of revocations and the server's signature.

>>> readme(EvidenceRequest("card", "9752269875"), "2026-03-02T08:00:00Z").startswith("BEVISFIL")
True
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, and_, or_, select

from fleet.messages.statements import load_certificate
from fleet.messages.vocabulary import EventType
from fleet.server.audit_log.tables import audit
from fleet.server.checkpoints.tables import countersignatures, erasures, station_certificates
from fleet.server.database.database import Database
from fleet.server.events.queries import received_sequences
from fleet.server.events.tables import events, quarantine
from fleet.server.evidence import model as contents
from fleet.server.evidence.container import ArchiveWriter
from fleet.server.evidence.model import (
    AuditLine,
    ChainLine,
    CountersignatureLine,
    EvidenceRequest,
    FileEntry,
    Manifest,
    ReceiptData,
    Withheld,
)
from fleet.server.evidence.selection import ChainPart, select_parts
from fleet.server.evidence.signature import Seal
from fleet.server.ingest.projection_check import check_errands
from fleet.server.ingest.rebuild import same_place

PAGE = 2_000
"""Lines in one member."""
MOST_AUDIT = 10_000
_NEVER_ERASED = EventType.CHAIN_CHECKPOINT

_encoder = msgspec.json.Encoder()


_TEXT = """\
BEVISFIL FRÅN KORTKIOSK / EVIDENCE FILE OF KORTKIOSK
{asked}
{made}

SVENSKA

Filen visar vad en eller flera stationer har berättat om det som står ovan. Kontrollera den med
    kortkiosk-fleet verify-evidence FIL --ca ca.pem
där ca.pem är regionens eget certifikat, som du har fått på annan väg än i den här filen. Programmet behöver ingen server.

Så är den uppbyggd:
  chain/         stationens kedja av händelser: varje händelse innehåller kontrollsumman av händelsen före.
                 Innehåll (data) finns bara för de händelser som filen gäller; övriga behövs för kedjan.
  certificates/  stationernas certifikat. Med nyckeln till sitt certifikat signerar stationen hur långt kedjan har kommit.
  receipts/      hela kvittenser. De har egna signaturer: kortkiosk verify-receipt FIL --ca ca.pem --crl crl.pem
  crl.pem        utfärdarens lista över spärrade certifikat när filen skrevs
  countersignatures.jsonl  serverns ord om när den hade det stationen signerade; i vissa regioner med tidsstämpel
  differences.jsonl  var serverns egna tabeller inte stämde med händelserna när filen skrevs; ska vara tom
  audit.jsonl    serverns egna anteckningar om vem som har sett uppgifterna
  ca.pem         utfärdaren av certifikaten, manifest.json listan över filerna, manifest.jws serverns signatur över den

Det här visas: händelserna är de som stationen med den nyckeln berättade, i den ordningen, utan att något har lagts till, ändrats
eller tagits bort före den senaste signerade punkten; och filen är som servern skrev den.
Det här visas inte: att stationen talade sanning, att dess klocka gick rätt, att allt som hände är med efter den sista signerade
punkten, eller något om händelser vars innehåll har gallrats.

ENGLISH

The file shows what one or more stations have told of what is named above. Check it with
    kortkiosk-fleet verify-evidence FILE --ca ca.pem
where ca.pem is the region's own certificate, had by another way than from this file. The program needs no server.

What is in it:
  chain/         the station's chain of events: each event holds the checksum of the event before.
                 Content (data) is there for the events that the file is about alone; the others are needed for the chain.
  certificates/  the stations' certificates. With the key of its certificate a station signs how far its chain has come.
  receipts/      whole receipts. They have signatures of their own: kortkiosk verify-receipt FILE --ca ca.pem --crl crl.pem
  crl.pem        the issuer's list of revoked certificates when the file was written
  countersignatures.jsonl  the server's word of when it had what the station signed; in some regions with a time stamp
  differences.jsonl  where the server's own tables did not agree with the events when the file was written; must be empty
  audit.jsonl    the server's own record of who has looked at this
  ca.pem         the issuer of the certificates; manifest.json, the list of files; manifest.jws, the server's signature over it

This is shown: the events are those that the station with that key told, in that order, and nothing was added, changed or taken
out before the last signed point; and the file is as the server wrote it.
This is not shown: that the station told the truth, that its clock was right, that all that happened is there after the last
signed point, or anything of events whose content has been erased.
"""

_KINDS = {
    "errand": ("Ärende", "Errand"),
    "card": ("Kort", "Card"),
    "order": ("Beställning", "Order"),
    "station": ("Station", "Station"),
}


def readme(request: EvidenceRequest, made: str) -> str:
    """The text for this file."""
    swedish, english = _KINDS[request.kind]
    days = f" ({request.first or ''} - {request.last or ''})" if request.first or request.last else ""
    return _TEXT.format(asked=f"{swedish} / {english}: {request.value}{days}", made=f"Skriven / Written: {made}")


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """Counts of what went into the file: events with content, places of chains, bytes."""

    events: int
    lines: int
    bytes: int


@dataclass(slots=True)
class _Filling:
    """The archive while it is written, and what of it the manifest will say."""

    archive: ArchiveWriter
    files: list[FileEntry] = field(default_factory=list)
    receipts: dict[str, bytes] = field(default_factory=dict)
    errands: set[str] = field(default_factory=set)
    """Of which there is content: what the store's own rows say of them is compared with it."""
    told: set[str] = field(default_factory=set)
    """Errands, orders and receipts that the content names: the audit may have entries of looks at them."""
    events: int = 0
    lines: int = 0

    def add(self, name: str, content: bytes) -> None:
        self.archive.add(name, content)
        self.files.append(FileEntry(name, len(content), hashlib.sha256(content).hexdigest()))


def export(database: Database, seal: Seal, request: EvidenceRequest, now: datetime, into: BinaryIO) -> ExportSummary:
    """Write the file. Raises NothingHeldError, TooMuchError, SealError; ValueError where it grows too large."""
    revocations = seal.revocations()
    made = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    with database.reading.begin() as connection, ArchiveWriter(into) as archive:
        filling = _Filling(archive, told={request.value})
        parts = select_parts(connection, request)
        filling.add(contents.README, readme(request, made).encode())
        filling.add(contents.CA, seal.authority_pem)
        filling.add(contents.REVOCATIONS, revocations)
        _add_certificates(connection, filling, parts)
        _add_countersignatures(connection, filling, parts)
        for part in parts:
            _add_chain(connection, filling, part)
        for number, receipt in sorted(filling.receipts.items()):
            filling.add(f"receipts/{number}.json", receipt)
        differences = check_errands(connection, sorted(filling.errands))
        filling.add(contents.DIFFERENCES, b"".join(_encoder.encode(difference) + b"\n" for difference in differences))
        _add_audit(connection, filling)
        manifest = _encoder.encode(Manifest(contents.FORMAT, contents.VERSION, made, request, tuple(filling.files)))
        archive.add(contents.MANIFEST, manifest)
        archive.add(contents.SEAL, seal.sign(manifest).encode())
    return ExportSummary(filling.events, filling.lines, into.tell())


def _add_certificates(connection: Connection, filling: _Filling, parts: list[ChainPart]) -> None:
    for name, station, epoch in sorted({(part.name, part.station, part.epoch) for part in parts}):
        here = and_(station_certificates.c.station == station, station_certificates.c.epoch == epoch)
        ordered = select(station_certificates.c.der).where(here).order_by(station_certificates.c.thumbprint)
        for number, der in enumerate(connection.execute(ordered).scalars(), 1):
            pem = load_certificate(der).public_bytes(Encoding.PEM)
            filling.add(contents.certificate_name(name, epoch, number), pem)


def _add_countersignatures(connection: Connection, filling: _Filling, parts: list[ChainPart]) -> None:
    lines: list[CountersignatureLine] = []
    for part in parts:
        table = countersignatures.c
        here = and_(
            table.station == part.station,
            table.epoch == part.epoch,
            table.sequence.between(part.first, part.last),
        )
        for row in connection.execute(select(countersignatures).where(here).order_by(table.sequence)):
            token = None if row.token is None else base64.b64encode(row.token).decode()
            lines.append(CountersignatureLine(part.name, row.epoch, row.sequence, row.jws, token))
    filling.add(contents.COUNTERSIGNATURES, b"".join(_encoder.encode(line) + b"\n" for line in lines))


def _add_chain(connection: Connection, filling: _Filling, part: ChainPart) -> None:
    for first in range(part.first, part.last + 1, PAGE):
        last = min(part.last, first + PAGE - 1)
        lines = [_line(filling, part, number, row) for number, row in _places(connection, part, first, last)]
        filling.lines += len(lines)
        body = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        filling.add(contents.chain_name(part.name, part.epoch, first), body)


def _places(connection: Connection, part: ChainPart, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Every place from first to last with its row: an event, the word why there is none."""
    here = and_(events.c.station == part.station, events.c.epoch == part.epoch, events.c.sequence.between(first, last))
    query = select(events, erasures.c.erased).outerjoin(erasures, same_place()).where(here)
    by_sequence = {row.sequence: row for row in connection.execute(query)}
    spoilt = select(quarantine.c.sequence).where(
        quarantine.c.station == part.station,
        quarantine.c.epoch == part.epoch,
        quarantine.c.sequence.between(first, last),
    )
    unread = set(connection.execute(spoilt).scalars())
    chain = received_sequences(connection, part.station, part.epoch)
    for sequence in range(first, last + 1):
        absent: Withheld = "spoilt" if sequence in unread else "lost" if chain.has(sequence) else "missing"
        yield sequence, by_sequence.get(sequence, absent)


def _line(filling: _Filling, part: ChainPart, sequence: int, row: Any) -> ChainLine:
    if isinstance(row, str):
        return ChainLine(sequence, withheld=cast(Withheld, row))
    envelope = row.envelope.decode()
    if row.data is None or row.salt is None:
        is_erased = row.data is None and row.salt is None and row.erased is not None
        return ChainLine(sequence, envelope, withheld="erased" if is_erased and row.type != _NEVER_ERASED else "gone")
    if sequence not in part.chosen and row.type != _NEVER_ERASED:
        return ChainLine(sequence, envelope, withheld="not_asked")
    if sequence in part.chosen:
        filling.events += 1
        filling.errands |= {row.errand} if row.errand else set()
        filling.told |= {name for name in (row.errand, (row.subject or "").rpartition("/")[2]) if name}
        _keep_receipt(filling, row)
    return ChainLine(sequence, envelope, row.data.decode(), row.salt)


def _keep_receipt(filling: _Filling, row: Any) -> None:
    if row.type != EventType.RECEIPT_ISSUED:
        return
    try:
        receipt = msgspec.json.decode(row.data, type=ReceiptData)
    except (msgspec.MsgspecError, RecursionError):
        return
    if contents.RECEIPT_NAME.match(f"receipts/{receipt.number}.json"):
        filling.receipts.setdefault(receipt.number, bytes(receipt.receipt))
        filling.told.add(receipt.number)


def _add_audit(connection: Connection, filling: _Filling) -> None:
    """Entries of looks at what is in the file. They are JSON with the exact target in it."""
    ordered = select(audit).where(_concerns(filling)).order_by(audit.c.sequence).limit(MOST_AUDIT)
    lines = [AuditLine(row.sequence, row.hash, row.entry) for row in connection.execute(ordered)]
    filling.add(contents.AUDIT, b"".join(_encoder.encode(line) + b"\n" for line in lines))


def _concerns(filling: _Filling) -> Any:
    targets = sorted(filling.told)[:200]
    looks = audit.c.action.like("people.%") | audit.c.action.like("evidence.%")
    named = (
        audit.c.entry.contains(f'"target":{_encoder.encode(target).decode()}', autoescape=True) for target in targets
    )
    return and_(looks, or_(*named))
