"""Certificates as hostile and as personal data: what is shown of them, and what never is."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from drivers.reader.certificates.identity import (
    ReadCertificate,
    birth_dates_of,
    card_number_of,
    digest_of,
    looks_personal,
    read_certificates,
)
from drivers.reader.certificates.key_usage import purpose_by_usage
from drivers.reader.model import CardFacts, Holder, Purpose
from drivers.reader.pkcs15.directory import CardDirectory, CertificateFile
from drivers.reader.pkcs15.objects import CertificateObject, KeyObject, TokenInfo
from drivers.reader.profiles import CertificateRules, Profile, builtin
from tests.drivers.reader.conftest import NOW

KEY = ec.generate_private_key(ec.SECP256R1())
PERSONAL = "199001012380"  # made up


def certificate(
    serial_number: str, *, signature: bool = False, days: int = 10, number: bytes | None = None, usage: bool = True,
    email: str = "",
) -> bytes:  # fmt: skip
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Åsa Påhitt"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number),
        ]
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(77).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=days))
    if email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), False)
    if usage:
        bits = x509.KeyUsage(not signature, signature, False, False, False, False, False, False, False)
        builder = builder.add_extension(bits, True)
    if number is not None:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.752.34.2.1"), number)
        builder = builder.add_extension(extension, False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def directory(*ders: bytes) -> CardDirectory:
    ids = [bytes((0x40 + n,)) for n in range(len(ders))]
    return CardDirectory(
        aid=b"",
        token=TokenInfo(b"\x00\xaa", "", ""),
        codes=(),
        keys=tuple(KeyObject(id, "", b"\x01", frozenset({2}), 1, b"", True) for id in ids),
        certificates=tuple(
            CertificateFile(CertificateObject(id, "", False, b""), der) for id, der in zip(ids, ders, strict=True)
        ),
    )


def profile(card_number: str) -> Profile:
    return with_rules(CertificateRules(card_number=card_number))


def with_rules(rules: CertificateRules) -> Profile:
    return builtin().match_name("virtual-b").model_copy(update={"certificates": rules})


B = profile("extension:1.2.752.34.2.1")
HSA_ID = with_rules(CertificateRules(holder_id="^[A-Z]{2}[0-9]{10}-[A-Z0-9]+$"))


def facts_of(read: Iterable[ReadCertificate]) -> CardFacts:
    empty = CardFacts("r", b"", "pkcs15", "virtual-b", "00", "", Holder("", ""), (), (), b"")
    return empty.with_certificates(certificate.facts for certificate in read)


def test_a_personal_identity_number_is_shown_nowhere() -> None:
    card = directory(certificate(PERSONAL, number=b"\x13\x0c" + PERSONAL.encode()))
    read = read_certificates(card, B)
    said = f"{read[0].facts} {facts_of(read).holder} {card_number_of(read, '00AA', B)}"
    assert PERSONAL not in said
    assert facts_of(read).holder.hsa_id == ""


def test_the_hsa_id_is_taken_from_the_certificate_that_has_one() -> None:
    read = read_certificates(directory(certificate(PERSONAL), certificate("SE2321000999-1A01", signature=True)), B)
    assert facts_of(read).holder.hsa_id == "SE2321000999-1A01"


@pytest.mark.parametrize("purpose", ["identification", "signature"])
@pytest.mark.parametrize("personal_days", [1, 30, 400], ids=["shorter", "same end", "longer"])
@pytest.mark.parametrize("personal_first", [True, False])
def test_the_pair_that_names_the_holder_is_used_wherever_it_lies(
    purpose: Purpose, personal_days: int, personal_first: bool
) -> None:
    signature = purpose == "signature"
    personal = certificate(PERSONAL, signature=signature, days=personal_days)
    naming = certificate("SE2321000999-1A01", signature=signature, days=30)
    facts = facts_of(read_certificates(directory(*((personal, naming) if personal_first else (naming, personal))), B))
    chosen = facts.certificate(purpose)
    assert chosen is not None
    assert chosen.der == naming
    assert facts.holder.hsa_id == "SE2321000999-1A01"


def test_a_card_with_personal_certificates_alone_proves_nobody() -> None:
    facts = facts_of(read_certificates(directory(certificate(PERSONAL), certificate(PERSONAL, signature=True)), B))
    assert facts.certificate("identification") is None
    assert facts.certificate("signature") is None
    assert facts.holders == ()


def test_the_form_of_the_name_is_the_profile_s() -> None:
    other = certificate("employee-4711", days=90)
    read = read_certificates(directory(other, certificate("SE2321000999-1A01")), HSA_ID)
    assert facts_of(read).holder.hsa_id == "SE2321000999-1A01"
    assert [holder.hsa_id for holder in facts_of(read).holders] == ["SE2321000999-1A01"]


def test_a_card_of_two_employers_acts_for_the_one_that_is_named() -> None:
    first, second = certificate("SE2321000999-1A01", days=90), certificate("SE5560000999-2B01")
    facts = facts_of(read_certificates(directory(second, first), B))
    assert [holder.hsa_id for holder in facts.holders] == ["SE2321000999-1A01", "SE5560000999-2B01"]
    chosen = facts.act_as("SE5560000999-2B01").certificate("identification")
    assert chosen is not None
    assert chosen.der == second
    with pytest.raises(LookupError):
        facts.act_as("SE2321000999-1A02")


def test_an_employer_whose_certificate_is_revoked_comes_last() -> None:
    facts = facts_of(
        read_certificates(directory(certificate("SE5560000999-2B01", days=90), certificate("SE2321000999-1A01")), B)
    )
    first, second = facts.certificates
    judged = facts.with_certificates((replace(first, chain="revoked"), second), keep_holder=False)
    assert judged.holder.hsa_id == "SE2321000999-1A01"


def test_a_personal_number_in_an_alternative_name_counts_too() -> None:
    read = read_certificates(directory(certificate("SE2321000999-1A01", email=f"{PERSONAL}@example.test")), B)
    assert read[0].facts.personal


@pytest.mark.parametrize(
    "text", ["PNOSE-199001012380", "199001012380", "9001012380", "900101-2380", "19900101-2380", "900161+2380"]
)
def test_personal_numbers_are_known_by_their_form(text: str) -> None:
    assert looks_personal(text)


@pytest.mark.parametrize("text", ["SE2321000016-1A2B", "9752269900012345678", "", "12345"])
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert not looks_personal(text)


@pytest.mark.parametrize(
    ("field", "number", "expected"),
    [
        ("extension:1.2.752.34.2.1", b"\x13\x05" + b"99990", "99990"),
        ("extension:1.2.752.34.2.1", b"\x0c\x05" + b"99990", "99990"),
        ("extension:1.2.752.34.2.1", b"99990", "99990"),
        ("extension:1.2.752.34.2.1", b"\x30\x03\x02\x01\x05", ""),
        ("extension:1.2.752.34.2.1", None, ""),
        ("subject:serialNumber", None, "SE2321000999-1A01"),
        ("subject:CN", None, "Åsa Påhitt"),
        ("subject:nothing", None, ""),
        ("token:serial", None, "00AA"),
    ],
)
def test_the_card_number_is_where_the_profile_says(field: str, number: bytes | None, expected: str) -> None:
    card = directory(certificate("SE2321000999-1A01", number=number))
    rules = profile(field)
    assert card_number_of(read_certificates(card, rules), "00AA", rules) == expected


def test_key_usage_tells_the_purposes_apart() -> None:
    card = directory(certificate("X"), certificate("X", signature=True), certificate("X", usage=False))
    assert [c.facts.purpose for c in read_certificates(card, B)] == ["identification", "signature", "other"]


def test_what_is_no_certificate_is_left_out_and_the_rest_is_kept() -> None:
    card = directory(b"\x30\x03\x02\x01\x05", certificate("X"))
    assert [c.facts.id for c in read_certificates(card, B)] == ["41"]


def test_the_digest_tells_cards_with_the_same_serial_apart() -> None:
    one, other = (read_certificates(directory(certificate("X", days=days)), B) for days in (5, 6))
    assert digest_of(one) != digest_of(other)
    assert digest_of(one) == digest_of(one)


def births(serial_number: str) -> list[str]:
    read = read_certificates(directory(certificate(serial_number)), profile("token:serial"))
    return [day.isoformat() for day in birth_dates_of(read)]


def test_a_birth_date_is_found_in_a_personal_number_and_in_nothing_else() -> None:
    assert births("199001012380") == ["1990-01-01"]
    assert births("900101-2380") == ["1990-01-01", "2090-01-01"]  # of ten digits both centuries count
    assert births("199001612380") == ["1990-01-01"]  # a co-ordination number: the day and sixty
    assert births("199013012380") == []
    assert births("SE2321000016-1A2B") == []


LOG_IN, LOGON, MAIL, DOCUMENTS, CARD, SERVER, ANY, OWN = (
    "1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36",
    "2.16.840.1.101.3.6.8", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "1.2.752.999.1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("signs", "commits", "uses", "purpose"),
    [
        (True, False, [], "identification"),
        (True, False, [LOG_IN, LOGON, MAIL], "identification"),
        (True, False, [ANY], "identification"),
        (True, False, [OWN], "identification"),
        (True, False, [MAIL], "other"),
        (True, False, [CARD], "other"),
        (True, False, [SERVER], "other"),
        (False, True, [], "signature"),
        (False, True, [MAIL], "signature"),
        (False, True, [DOCUMENTS, LOG_IN], "signature"),
        (False, True, [OWN], "signature"),
        (False, True, [LOG_IN], "other"),
        (True, True, [], "signature"),
        (True, True, [LOG_IN, LOGON], "identification"),
        (True, True, [MAIL], "signature"),
        (False, False, [LOG_IN], "other"),
    ],
)
def test_both_usages_say_what_a_certificate_is_for(signs: bool, commits: bool, uses: list[str], purpose: str) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Åsa Påhitt")])
    usage = x509.KeyUsage(signs, commits, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(77)
        .not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).add_extension(usage, True)
    )  # fmt: skip
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(use) for use in uses]), False)
    assert purpose_by_usage(builder.sign(KEY, hashes.SHA256())) == purpose


@pytest.mark.parametrize("serial", ["", "0", "0000"])
def test_a_serial_of_zeros_is_every_cards_and_no_number(serial: str) -> None:
    assert card_number_of((), serial, profile("token:serial")) == ""
