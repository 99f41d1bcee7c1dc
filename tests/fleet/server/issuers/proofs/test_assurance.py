"""Level and purpose of a card's certificate, and who may attend with it at a station."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.messages.link import Administrator
from fleet.server.database.database import Database
from fleet.server.issuers.proofs.administrators import Attending
from fleet.server.issuers.proofs.assurance import SHIPPED, is_for_identification, level_of
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import replace_administrators
from sim.stories.administrators import listed
from tests.fleet.server.conftest import NOW

KEY = ec.generate_private_key(ec.SECP256R1())
HSA_ID = "TEST000000-A1"
CLIENT, LOGON, MAIL, ANY = (
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.SMARTCARD_LOGON,
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)
LEVELS = {"1.2.3.3": 3, "1.2.3.2": 2}


def usage(*, signs: bool = True, commits: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(signs, commits, False, False, False, False, False, False, False)


def certificate(*extensions: x509.ExtensionType) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, HSA_ID)])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOW, NOW + timedelta(days=1))
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    return builder.sign(KEY, hashes.SHA256())


def policies(*names: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in names])


def test_the_policies_of_test_cards_are_of_the_levels_3_and_2() -> None:
    assert SHIPPED == {"1.2.752.74.5.3": 3, "1.2.752.74.5.2": 2}


@pytest.mark.parametrize(
    ("extensions", "level"),
    [
        ((), None),
        ((policies("1.2.3.3"),), 3),
        ((policies("1.2.3.9"),), None),
        ((policies("1.2.3.9", "1.2.3.3"),), 3),
        ((policies("1.2.3.3", "1.2.3.2"),), 2),
    ],
)
def test_the_level_is_the_lowest_that_the_table_knows(
    extensions: tuple[x509.ExtensionType, ...], level: int | None
) -> None:
    assert level_of(certificate(*extensions), LEVELS) == level


@pytest.mark.parametrize(
    ("extensions", "is_one"),
    [
        ((), False),
        ((x509.ExtendedKeyUsage([CLIENT]),), False),
        ((usage(),), True),
        ((usage(), x509.ExtendedKeyUsage([CLIENT, MAIL])), True),
        ((usage(), x509.ExtendedKeyUsage([ANY])), True),
        ((usage(), x509.ExtendedKeyUsage([MAIL])), False),
        ((usage(signs=False, commits=True),), False),
        ((usage(signs=False, commits=True), x509.ExtendedKeyUsage([CLIENT])), False),
        ((usage(commits=True),), False),
        ((usage(commits=True), x509.ExtendedKeyUsage([CLIENT, MAIL])), False),
        ((usage(commits=True), x509.ExtendedKeyUsage([ANY])), False),
        ((usage(commits=True), x509.ExtendedKeyUsage([CLIENT, LOGON])), True),
    ],
)
def test_a_certificate_for_signatures_is_none_for_identification(
    extensions: tuple[x509.ExtensionType, ...], is_one: bool
) -> None:
    assert is_for_identification(certificate(*extensions)) == is_one


GOOD = certificate(usage(), policies("1.2.3.3"))


@pytest.fixture
def attending(database: Database) -> Iterator[Attending]:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(HSA_ID, "Maj Test", "entre-*", roles=("KRA", "KUR"))])
    return Attending(database, LEVELS)


def test_purpose_level_list_and_organisation_must_all_fit(attending: Attending) -> None:
    assert attending.refusal("entre-a", GOOD, NOW) is None
    assert attending.refusal("annex", GOOD, NOW) == "not_administrator"
    assert attending.refusal("entre-a", certificate(usage(), policies("1.2.3.2")), NOW) == "not_level_3"
    assert attending.refusal("entre-a", certificate(usage()), NOW) == "not_level_3"
    signing = certificate(usage(commits=True), policies("1.2.3.3"))
    assert attending.refusal("entre-a", signing, NOW) == "not_for_identification"


def test_the_list_counts_as_it_is_now(attending: Attending, database: Database) -> None:
    assert attending.still("entre-a", HSA_ID, NOW)
    assert not attending.still("annex", HSA_ID, NOW)
    over = Administrator(HSA_ID, "Maj Test", ("KRA",), 3, None, (NOW - timedelta(days=1)).date().isoformat())
    with database.writing.begin() as connection:
        replace_administrators(connection, [ListedAdministrator(over, ("*",))])
    assert not attending.still("entre-a", HSA_ID, NOW)
    assert attending.refusal("entre-a", GOOD, NOW) == "not_administrator"


def test_all_who_attend_for_a_protected_identity_have_the_role_for_it(attending: Attending) -> None:
    assert attending.all_have_role_for_protected("entre-a", [HSA_ID])
    assert not attending.all_have_role_for_protected("entre-a", [HSA_ID, "TEST000000-A2"])
    assert not attending.all_have_role_for_protected("annex", [HSA_ID])
