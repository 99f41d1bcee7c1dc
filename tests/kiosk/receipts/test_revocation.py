"""A revoked station's receipt is believed for no time that it states itself."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fleet.messages.revocations import Revocations, read_revocations
from kiosk.receipts import (
    Altered,
    Genuine,
    Receipt,
    ReceiptTrust,
    ReceiptWitness,
    SignedAfterRevocation,
    Undecided,
    UnknownSigner,
    Verdict,
    signatures,
    verify_receipt,
    wire,
)
from provisioning import pki
from tests.kiosk.receipts.conftest import NOW, Holder, World, certified

REVOKED = NOW + timedelta(hours=1)


def revocations(world: World, *revoked: tuple[Holder, datetime], by: Holder | None = None) -> Revocations:
    by = by or world.authority
    issuer = pki.Issuer(by.certificate, by.key)  # type: ignore[arg-type]
    pem = pki.make_crl(issuer, [(one.certificate.serial_number, when) for one, when in revoked], REVOKED)
    return read_revocations(pem, [by.certificate], REVOKED)


def judged(receipt: Receipt, trust: ReceiptTrust) -> list[Verdict]:
    """The whole receipt, and its QR text."""
    return [verify_receipt(receipt.document, trust), verify_receipt(receipt.qr, trust)]


@pytest.fixture
def revoked(world: World) -> ReceiptTrust:
    return replace(world.trust, revocations=revocations(world, (world.station, REVOKED)))


def test_a_station_in_good_standing_is_said_to_be(world: World) -> None:
    receipt = world.receipt()
    for verdict in judged(receipt, replace(world.trust, revocations=revocations(world, (world.other_station, NOW)))):
        assert isinstance(verdict, Genuine)
        assert verdict.revocation == "not_revoked"
    for verdict in judged(receipt, world.trust):
        assert isinstance(verdict, Genuine)
        assert verdict.revocation == "unchecked"


def test_a_receipt_after_the_revocation_is_signed_with_a_revoked_key(world: World, revoked: ReceiptTrust) -> None:
    for time in (REVOKED, REVOKED + timedelta(days=1)):
        receipt = world.receipt(time=time)
        for verdict in judged(receipt, revoked):
            assert isinstance(verdict, SignedAfterRevocation)
            assert (verdict.statement.number, verdict.revoked) == (receipt.number, REVOKED)


def test_a_receipt_before_it_is_believed_only_with_a_trusted_time(world: World, revoked: ReceiptTrust) -> None:
    receipt = world.receipt()
    digest = verify_receipt(receipt.document, world.trust).statement.digest  # type: ignore[union-attr]
    for verdict in judged(receipt, revoked):
        assert isinstance(verdict, Undecided)
        assert verdict.witnessed is None
    before = ReceiptWitness(receipt.document, REVOKED - timedelta(seconds=1))
    for verdict in judged(receipt, replace(revoked, witnessed={digest: before})):
        assert isinstance(verdict, Genuine)
        assert verdict.revocation == "signed_before"
    late = ReceiptWitness(receipt.document, REVOKED)
    for verdict in judged(receipt, replace(revoked, witnessed={digest: late})):
        assert isinstance(verdict, Undecided)
        assert verdict.witnessed == REVOKED


def test_a_trusted_time_does_not_pass_to_another_statement_with_the_same_digest(
    world: World, revoked: ReceiptTrust
) -> None:
    """A stolen key puts an old receipt's digest under a new QR text."""
    old = world.receipt()
    digest = verify_receipt(old.document, world.trust).statement.digest  # type: ignore[union-attr]
    trust = replace(revoked, witnessed={digest: ReceiptWitness(old.document, NOW)})
    forged = _qr_with(world, world.receipt(card_number="9752269050829999"), digest)
    assert isinstance(verify_receipt(old.qr, trust), Genuine)
    assert isinstance(verify_receipt(forged, trust), Undecided)


def _qr_with(world: World, other: Receipt, digest: bytes) -> str:
    prefix, compact, _ = other.qr.split(".")
    told = wire.decode(wire.from_b64url(compact), wire.Compact)
    stated = wire.Compact(told.n, told.k, told.t, told.s, told.c, wire.b64url(digest))
    message = f"{prefix}.{wire.b64url(wire.encode(stated))}"
    return f"{message}.{wire.b64url(signatures.sign(world.station.key, message.encode()))}"  # type: ignore[arg-type]


def test_a_list_of_another_authority_says_nothing(world: World) -> None:
    trust = replace(world.trust, revocations=revocations(world, by=certified("another authority", None)))
    for verdict in judged(world.receipt(), trust):
        assert isinstance(verdict, UnknownSigner)


def test_what_was_altered_stays_altered(world: World, revoked: ReceiptTrust) -> None:
    document = world.receipt().document
    assert isinstance(verify_receipt(document[:-1], revoked), Altered)
