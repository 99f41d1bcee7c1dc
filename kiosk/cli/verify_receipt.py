"""Command line of receipts, `kortkiosk verify-receipt`: is this receipt real, and who signed it.

Rules: a whole receipt carries its certificates and needs the fleet's authority (`--ca`); a QR text carries none and
needs the station's certificate (`--certificate`), or a directory that holds both (`--identity`, or KORTKIOSK_TRUST: a
folder with ca.pem and the certificates of stations as further *.pem). The receipt of a protected holder has only the
thumbprint of the card's certificate: the card's signature is checked where `--holder-certificate` gives that one.
`--pdf` writes a genuine
whole receipt as an A4 page for the binder; `--qr` gives it its QR code, which is not in the receipt itself.

Whether the station was in good standing: `--crl` is the authority's list of revocations; without it, and without `--evidence`, it
cannot be told. A receipt of a station that is
revoked now is genuine only where a trusted time shows that it was there before, which an evidence file of the server does
(`--evidence`): its own time is a claim that whoever has stolen the key can make too.
Ends with 0 genuine, 3 not genuine or cannot be told, 2 bad input.

    kortkiosk verify-receipt receipt.json --ca ca.pem --crl crl.pem
    kortkiosk verify-receipt KK1.eyJuIjo... --certificate station.pem --ca ca.pem --crl crl.pem
    kortkiosk verify-receipt 'https://fleet.example/r/#KK1.eyJuIjo...' --certificate station.pem --ca ca.pem --crl crl.pem
    kortkiosk verify-receipt receipt.json --ca ca.pem --crl crl.pem --evidence errand.zip
    kortkiosk verify-receipt receipt.json --ca ca.pem --crl crl.pem --pdf receipt.pdf --language sv
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from fleet.agent.identity import CA_FILE, CERTIFICATE_FILE
from fleet.messages.revocations import NO_REVOCATIONS, RevocationListError, Revocations, read_revocations
from fleet.server.evidence.verification.verify import TrustAnchors, check
from kiosk.receipts import Genuine, ReceiptTrust, ReceiptWitness, read_receipt, verify_receipt
from kiosk.receipts.page import receipt_pdf
from kiosk.receipts.verification_report import as_json, sentences
from kiosk.receipts.wire import MAX_BYTES, QR_PREFIX
from kiosk.texts import Texts

GENUINE, BAD_INPUT, NOT_GENUINE = 0, 2, 3
LANGUAGES = ("sv", "en")
TRUST_VARIABLE = "KORTKIOSK_TRUST"
CRL_FILE = "crl.pem"
QR_BEGINS = (f"{QR_PREFIX}.", "https://", "http://")
"""A QR text is the statement, or an address with it as fragment."""
LONGEST_NAME = 255
"""Bytes that the name of a file may have."""


class _InputError(Exception):
    """Something that was asked for cannot be read; the text is for the person who typed it."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "verify-receipt", help="is this receipt real, and who signed it", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("receipt", metavar="FILE|QRTEXT", help="a file with the receipt or its QR text, or that text")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the fleet's authority, PEM")
    parser.add_argument(
        "--certificate", type=Path, action="append", default=[], metavar="FILE", help="a station's certificate, PEM"
    )
    parser.add_argument("--identity", type=Path, metavar="DIR", help="a station's identity: ca.pem and station.pem")
    parser.add_argument("--anchors", type=Path, metavar="FILE", help="roots of the cards' certificates, PEM")
    parser.add_argument(
        "--holder-certificate", type=Path, metavar="FILE", help="certificate of a protected holder's card, PEM"
    )
    parser.add_argument("--crl", type=Path, metavar="FILE", help="the authority's list of revoked stations (CRL)")
    parser.add_argument(
        "--evidence", type=Path, metavar="FILE", help="an evidence file that shows when the receipt was there"
    )
    parser.add_argument("--tsa-ca", type=Path, metavar="FILE", help="roots of the time stamps in that file, PEM")
    parser.add_argument("--pdf", type=Path, metavar="OUT", help="write a genuine whole receipt as an A4 page")
    parser.add_argument("--qr", metavar="QRTEXT", help="its QR text, to stand on that page")
    parser.add_argument("--language", choices=LANGUAGES, default="sv", help="of that page")
    parser.add_argument("--json", action="store_true", help="output as JSON")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Carry out the subcommand; returns the exit code."""
    try:
        item = _item(arguments.receipt)
        verdict = verify_receipt(item, _trust(arguments, isinstance(item, str), clock()))
        is_genuine = isinstance(verdict, Genuine) and verdict.is_decided
        if arguments.pdf is not None and is_genuine:
            _write_page(arguments, item, clock())
    except _InputError as fault:
        print(f"kortkiosk verify-receipt: {fault}", file=sys.stderr)
        return BAD_INPUT
    print(json.dumps(as_json(verdict), ensure_ascii=False) if arguments.json else "\n".join(sentences(verdict)))
    return GENUINE if is_genuine else NOT_GENUINE


def _write_page(arguments: argparse.Namespace, item: bytes | str, now: datetime) -> None:
    """The page of a receipt that has been found genuine."""
    if isinstance(item, str):
        raise _InputError("a page needs the whole receipt; this is only its QR text")
    qr = arguments.qr or ""
    if qr:
        verdict = verify_receipt(qr, _trust(arguments, True, now))
        if not isinstance(verdict, Genuine) or verdict.statement.digest != sha256(item).digest():
            raise _InputError("the QR text is not that of this receipt")
    texts, language = Texts.load(), arguments.language
    page = receipt_pdf(read_receipt(item, qr), lambda sentence: texts.plain(sentence, language))
    try:
        arguments.pdf.write_bytes(page)
    except OSError as fault:
        raise _InputError(f"{arguments.pdf}: {_reason(fault)}") from None


def _item(text: str) -> bytes | str:
    """The QR text, or what is in the file: a receipt, or a QR text."""
    if text.startswith(QR_BEGINS):
        return text
    try:
        with Path(text).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as fault:
        if len(text) > LONGEST_NAME:  # a QR text whose beginning is damaged
            return text
        raise _InputError(f"{text}: {_reason(fault)}") from None
    if data.startswith(tuple(begins.encode() for begins in QR_BEGINS)):
        return data.decode("ascii", "replace").removesuffix("\n")
    return data


def _trust(arguments: argparse.Namespace, for_qr: bool, now: datetime) -> ReceiptTrust:
    authorities: list[Path] = [arguments.ca] if arguments.ca else []
    stations: list[Path] = list(arguments.certificate)
    crl: Path | None = arguments.crl
    if arguments.identity:
        authorities.append(arguments.identity / CA_FILE)
        stations.append(arguments.identity / CERTIFICATE_FILE)
    folder = os.environ.get(TRUST_VARIABLE)
    if folder and not (authorities or stations):
        authorities.append(Path(folder) / CA_FILE)
        stations += sorted(path for path in Path(folder).glob("*.pem") if path.name not in (CA_FILE, CRL_FILE))
        crl = crl or next(Path(folder).glob(CRL_FILE), None)
    if for_qr and not stations:
        raise _InputError("a QR code carries no certificate: give --certificate or --identity")
    if not for_qr and not authorities:
        raise _InputError("whom to trust is not said: give --ca or --identity")
    trust = ReceiptTrust(_certificates(authorities), _certificates(stations))
    anchors = _certificates([arguments.anchors]) if arguments.anchors else None
    holder = _certificates([arguments.holder_certificate]) if arguments.holder_certificate else ()
    revocations = _revocations(crl, trust.authorities, now) if crl else None
    trust = replace(trust, card_anchors=anchors, holder_certificates=holder, revocations=revocations)
    if arguments.tsa_ca is not None and arguments.evidence is None:
        raise _InputError("--tsa-ca is about the time stamps in an evidence file: give --evidence too")
    if arguments.evidence is not None:
        return _with_evidence(trust, arguments.evidence, _certificates([arguments.tsa_ca]) if arguments.tsa_ca else ())
    return trust


def _with_evidence(trust: ReceiptTrust, path: Path, tsa: tuple[x509.Certificate, ...]) -> ReceiptTrust:
    """Its list of revocations, and the trusted times of its receipts. Raises _InputError."""
    if not trust.authorities:
        raise _InputError(f"{path}: which authority it must be of is not said: give --ca")
    revocations = trust.revocations or NO_REVOCATIONS
    try:
        with path.open("rb") as file:
            report = check(file, TrustAnchors(trust.authorities, revocations, tsa))
    except OSError as fault:
        raise _InputError(f"{path}: {_reason(fault)}") from None
    if report.verdict not in ("genuine", "revoked"):
        raise _InputError(f"{path}: this evidence proves nothing: {report.verdict}: {report.where}: {report.why}")
    witnessed = {
        sha256(receipt.document).digest(): ReceiptWitness(receipt.document, receipt.at) for receipt in report.witnessed
    }
    return replace(trust, revocations=report.revocations, witnessed=witnessed)


def _revocations(path: Path, authorities: tuple[x509.Certificate, ...], now: datetime) -> Revocations:
    if not authorities:
        raise _InputError(f"{path}: whose list of revocations this is is not said: give --ca")
    try:
        return read_revocations(path.read_bytes(), authorities, now)
    except OSError as fault:
        raise _InputError(f"{path}: {_reason(fault)}") from None
    except RevocationListError as fault:
        raise _InputError(f"{path}: {fault}") from None


def _certificates(paths: list[Path]) -> tuple[x509.Certificate, ...]:
    certificates: list[x509.Certificate] = []
    for path in paths:
        try:
            raw = path.read_bytes()
            if b"\0" in raw:  # an evidence file holds certificates too, and must not vouch for itself
                raise ValueError("not a text file")
            certificates += x509.load_pem_x509_certificates(raw)
        except OSError as fault:
            raise _InputError(f"{path}: {_reason(fault)}") from None
        except ValueError:
            raise _InputError(f"{path}: there is no certificate in PEM in it") from None
    return tuple(certificates)


def _reason(fault: Exception) -> str:
    return (fault.strerror if isinstance(fault, OSError) else None) or "this is no name of a file"
