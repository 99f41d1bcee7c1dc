"""Lists of revocations: only the authority's own, in time, and never half of one."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.revocations import RevocationListError, Revocations, read_revocations
from provisioning import pki
from tests.fleet.server.conftest import NOW

CA, OTHER = pki.make_ca(NOW), pki.make_ca(NOW)
STATION = pki.issue_client(CA, "entre-a", pki.new_key().public_key(), NOW)
NEIGHBOUR = pki.issue_client(CA, "entre-b", pki.new_key().public_key(), NOW)
REVOKED = NOW + timedelta(days=1)
PEM = pki.make_crl(CA, [(STATION.serial_number, REVOKED)], NOW + timedelta(days=2))
LATER = NOW + timedelta(days=3)


@pytest.mark.parametrize("raw", [PEM, x509.load_pem_x509_crl(PEM).public_bytes(Encoding.DER)])
def test_a_list_says_when_a_certificate_was_revoked(raw: bytes) -> None:
    lists = read_revocations(raw, [OTHER.certificate, CA.certificate], LATER)
    assert lists.date_of(STATION) == REVOKED
    assert lists.date_of(NEIGHBOUR) is None
    assert lists.covers(NEIGHBOUR)
    assert not lists.covers(OTHER.certificate)
    assert lists.updated == NOW + timedelta(days=2) - pki.CLOCK_SLACK


def test_the_same_number_of_another_authority_is_not_revoked() -> None:
    stranger = pki.make_crl(OTHER, [(STATION.serial_number, REVOKED)], NOW)
    assert read_revocations(stranger, [OTHER.certificate], LATER).date_of(STATION) is None


def test_of_the_lists_of_an_authority_that_was_rotated_the_earliest_date_counts() -> None:
    earlier = pki.make_crl(CA, [(STATION.serial_number, NOW)], NOW)
    lists = read_revocations(PEM + earlier + pki.make_crl(OTHER, [], NOW), [CA.certificate, OTHER.certificate], LATER)
    assert len(lists.lists) == 3
    assert lists.date_of(STATION) == NOW
    assert Revocations().date_of(STATION) is None


@pytest.mark.parametrize(
    ("raw", "now", "reason"),
    [
        (b"no list", LATER, "there is no list of revocations"),
        (b"", LATER, "there is no list of revocations"),
        (pki.certificate_pem(STATION), LATER, "there is no list of revocations"),
        (pki.make_crl(OTHER, [], NOW), LATER, "not signed by this authority"),
        (PEM + pki.make_crl(OTHER, [], NOW), LATER, "not signed by this authority"),
        (PEM, NOW + timedelta(days=5000), "was valid until"),
        (PEM, NOW, "begins only at"),
        (PEM * 17, LATER, "more than"),
        (PEM + bytes(4_194_304), LATER, "more than"),
    ],
)
def test_what_is_no_list_of_this_authority_and_time_is_refused(raw: bytes, now: object, reason: str) -> None:
    with pytest.raises(RevocationListError, match=reason):
        read_revocations(raw, [CA.certificate], now)  # type: ignore[arg-type]


def test_no_byte_of_a_list_can_change_what_it_says() -> None:
    """DER has a byte that says nothing (how many bits of the signature's last byte count): with it the list is the same one."""
    der = x509.load_pem_x509_crl(PEM).public_bytes(Encoding.DER)
    true = read_revocations(der, [CA.certificate], LATER)
    taken = []
    for at in range(len(der)):
        changed = der[:at] + bytes([der[at] ^ 0x01]) + der[at + 1 :]
        try:
            taken.append(read_revocations(changed, [CA.certificate], LATER))
        except RevocationListError:
            continue
    assert taken in ([], [true])
