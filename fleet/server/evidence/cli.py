"""Command line of evidence files: `kortkiosk-fleet export-evidence` and `verify-evidence`.

Rules: a file that exists is not overwritten, and one that could not be finished is not left behind; only the own account may
read it. An export is in the audit. To verify takes the file alone.

    $ kortkiosk-fleet export-evidence --errand 0b6cf0de-4a0e-4f43-8f0e-7f3a5a1c9d20 --into errand.zip \
          --data /var/lib/kortkiosk-fleet --authority /srv/authority
    7 events, in 112 places of chains: errand.zip
    $ kortkiosk-fleet verify-evidence errand.zip --ca ca.pem
"""

import argparse
import getpass
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError

from fleet.messages.revocations import NO_REVOCATIONS, RevocationListError, read_revocations
from fleet.server.audit_log import log as audit
from fleet.server.database.database import Database, StoreError, open_database
from fleet.server.database.database_url import DatabaseUrlError
from fleet.server.database.options import add_store_arguments, complain, place_of, store_fault
from fleet.server.evidence.export import ExportSummary, export
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.request import KINDS, EvidenceRequestError, evidence_request, export_audit_event
from fleet.server.evidence.selection import NothingHeldError, TooMuchError
from fleet.server.evidence.signature import Seal, SealError, read_authorities, read_certificates
from fleet.server.evidence.verification.report import as_object, as_text
from fleet.server.evidence.verification.verify import TrustAnchors, check

DONE, OWN_ERROR, BAD_INPUT, REFUSED = 0, 1, 2, 3

Making = Callable[..., argparse.ArgumentParser]


def add_parsers(commands: Any, command: Making) -> None:
    """`command` makes a parser with the options that all have."""
    made = command(commands, "export-evidence", _export)
    add_store_arguments(made)
    made.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    about = made.add_mutually_exclusive_group(required=True)
    about.add_argument("--errand", metavar="ID")
    about.add_argument("--card", metavar="NUMBER")
    about.add_argument("--order", metavar="ORDER")
    about.add_argument("--station", metavar="NAME", help="all that it told")
    made.add_argument("--from", dest="first", type=_day, metavar="YYYY-MM-DD", help="first day, UTC")
    made.add_argument("--to", dest="last", type=_day, metavar="YYYY-MM-DD", help="last day, UTC, inclusive")
    made.add_argument("--into", type=Path, required=True, metavar="FILE", help="must not exist yet")
    checked = command(commands, "verify-evidence", _verify)
    checked.add_argument("file", type=Path, metavar="FILE")
    checked.add_argument("--ca", type=Path, metavar="FILE", help="the fleet's authority, had by another way")
    checked.add_argument("--crl", type=Path, metavar="FILE", help="its newest list of revocations; needs --ca")
    checked.add_argument("--tsa-ca", type=Path, metavar="FILE", help="roots of the time-stamping authority, PEM")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written YYYY-MM-DD") from None


def _export(arguments: argparse.Namespace) -> int:
    kind = next(kind for kind in KINDS if getattr(arguments, kind) is not None)
    try:
        request = evidence_request(kind, getattr(arguments, kind), arguments.first, arguments.last)
        seal = Seal.load(arguments.authority)
        with open_database(place_of(arguments)) as database:
            done = _written(database, seal, request, arguments.into)
    except (EvidenceRequestError, SealError, DatabaseUrlError, NothingHeldError, TooMuchError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename or arguments.into}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError, ValueError) as error:
        return complain(arguments, store_fault(arguments, error), OWN_ERROR)
    summary = {"ok": True, "file": str(arguments.into), **msgspec.to_builtins(done)}
    text = f"{done.events} events, in {done.lines} places of chains: {arguments.into}"
    print(json.dumps(summary) if arguments.json else text, flush=True)
    return DONE


def _written(database: Database, seal: Seal, request: EvidenceRequest, into: Path) -> ExportSummary:
    """Write beside, then put in place. Raises FileExistsError and what `export` raises."""
    now = datetime.now(UTC)
    if into.exists():
        raise FileExistsError(17, "is there already", str(into))
    beside = into.with_name(f".{into.name}.part")
    try:
        with open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:  # noqa: PTH123 of mode 0600
            done = export(database, seal, request, now, file)
            file.flush()
            os.fsync(file.fileno())
        with database.writing.begin() as connection:
            audit.append(connection, now, f"machine:{getpass.getuser()}", "", export_audit_event(request))
        beside.rename(into)
    finally:
        beside.unlink(missing_ok=True)
    return done


def anchors_of(ca: Path | None, crl: Path | None, tsa_ca: Path | None, now: datetime) -> TrustAnchors:
    """Read the authorities and lists that were named to trust. Raises SealError."""
    authorities = None if ca is None else read_authorities(ca)
    tsa = () if tsa_ca is None else read_certificates(tsa_ca)
    if crl is None:
        return TrustAnchors(authorities, NO_REVOCATIONS, tsa)
    if authorities is None:
        raise SealError(f"{crl}: whose list of revocations this is is not said: give --ca")
    try:
        return TrustAnchors(authorities, read_revocations(crl.read_bytes(), authorities, now), tsa)
    except OSError as error:
        raise SealError(f"{crl}: {error.strerror}") from None
    except RevocationListError as error:
        raise SealError(f"{crl}: {error}") from None


def _verify(arguments: argparse.Namespace) -> int:
    try:
        anchors = anchors_of(arguments.ca, arguments.crl, arguments.tsa_ca, datetime.now(UTC))
        with arguments.file.open("rb") as file:
            report = check(file, anchors)
    except SealError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{arguments.file}: {error.strerror}", BAD_INPUT)
    print(json.dumps(as_object(report), ensure_ascii=False) if arguments.json else as_text(report), flush=True)
    return DONE if report.verdict == "genuine" else REFUSED
