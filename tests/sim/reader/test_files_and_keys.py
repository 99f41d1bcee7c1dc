"""Finding one's way on the card, and what its keys do."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import PIN, administrators, people, person
from sim.reader.pki import CARD_NUMBER_OID, TestAuthority

AID = "A000000063504B43532D3135"
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
MESSAGE = b"I have fetched my card"


def ask(card: VirtualCard, apdu: str) -> tuple[str, bytes]:
    answer = card.transmit(bytes.fromhex(apdu))
    return answer[-2:].hex().upper(), answer[:-2]


def read_all(card: VirtualCard) -> bytes:
    content = b""
    while True:
        word, part = ask(card, f"00B0{len(content):04X}F0")
        assert word == "9000"
        content += part
        if len(part) < 0xF0:
            return content


@pytest.mark.parametrize(
    "way",
    [
        ["00A4040C0C" + AID, "00A4020C025031"],
        ["00A4040C0C" + AID, "00A4000C025031"],
        ["00A4080C0450155031"],
        ["00A4080C063F0050155031"],
        ["00A4000C023F00", "00A4010C025015", "00A4090C025031"],
        ["00A4000C", "00A4000C025015", "00A4000C025032", "00A4000C025031"],
    ],
)
def test_every_way_leads_to_the_object_directory(card: VirtualCard, way: list[str]) -> None:
    for step in way:
        assert ask(card, step)[0] == "9000"
    assert ask(card, "00B0000005") == ("9000", bytes.fromhex("A00A300804"))


def test_a_file_is_read_by_its_short_identifier(card: VirtualCard) -> None:
    ask(card, "00A4040C0C" + AID)
    assert ask(card, "00B0910001")[1] == b"\xa0"  # 5031 & 1F = 11


@pytest.mark.parametrize(
    ("apdu", "word"),
    [
        ("00A4040C08A000000308000010", "6A82"),
        ("00A4000C021234", "6A82"),
        ("00A4050C00", "6A86"),
        ("00A40000033F0000", "6700"),
        ("00B0000010", "6986"),
        ("00CA0142", "6A88"),
        ("00200001063132", "6700"),
        ("0020", "6700"),
        ("0020000100000631", "6700"),
    ],
)
def test_what_is_not_there_has_its_own_status_word(card: VirtualCard, apdu: str, word: str) -> None:
    assert ask(card, apdu)[0] == word


def test_a_key_file_can_be_selected_and_never_read(card: VirtualCard) -> None:
    assert ask(card, "00A4080C0450154B01")[0] == "9000"
    assert ask(card, "00B0000010")[0] == "6986"


def test_reading_stops_at_the_end(card: VirtualCard) -> None:
    ask(card, "00A4080C022F00")
    word, content = ask(card, "00B0000000")
    assert word == "9000"
    assert AID.lower() in content.hex()
    assert ask(card, f"00B0{len(content):04X}10") == ("9000", b"")
    assert ask(card, f"00B0{len(content) + 1:04X}10")[0] == "6B00"


def test_the_serial_number_is_told_without_a_code(card: VirtualCard) -> None:
    word, data = ask(card, "00CA01A000")
    assert word == "9000"
    assert data[8:18].hex() == card.persona.serial


def test_control_parameters_say_size_and_identifier(card: VirtualCard) -> None:
    word, data = ask(card, "00A408040450155032" + "00")
    assert word == "9000"
    assert data[0] == 0x62
    assert bytes.fromhex("83025032") in data


def sign_apdu(data: bytes) -> bytes:
    return b"\x00\x2a\x9e\x9a" + bytes([len(data)]) + data + b"\x00"


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("algorithm", ["RSA-2048", "EC-P256"])
@pytest.mark.parametrize("named_by", ["file", "reference", "selection"])
def test_both_keys_sign_for_their_certificates(
    make_card: Callable[..., VirtualCard], algorithm: str, index: int, named_by: str
) -> None:
    card = make_card(algorithm)
    is_rsa = algorithm == "RSA-2048"
    ask(card, f"00A4080C0450154B0{index + 1}")
    named = {"file": f"81024B0{index + 1}840100", "reference": f"84010{index + 1}", "selection": ""}[named_by]
    parameters = bytes.fromhex(f"8001{2 if is_rsa else 4:02X}" + named)
    assert card.transmit(b"\x00\x22\x41\xb6" + bytes([len(parameters)]) + parameters) == b"\x90\x00"
    digest = hashlib.sha256(MESSAGE).digest()
    apdu = sign_apdu(SHA256_DIGEST_INFO + digest if is_rsa else digest)
    assert card.transmit(apdu) == b"\x69\x82", "not before the code"
    card.transmit(b"\x00\x20\x00\x01\x06" + PIN.encode())
    answer = card.transmit(apdu)
    assert answer[-2:] == b"\x90\x00"
    public = card.keys[index].certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(answer[:-2], MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(answer[:-2], MESSAGE, ec.ECDSA(hashes.SHA256()))


def test_signing_needs_a_security_environment(card: VirtualCard) -> None:
    card.transmit(b"\x00\x20\x00\x01\x06" + PIN.encode())
    assert card.transmit(sign_apdu(bytes(32))) == b"\x69\x85"


@pytest.mark.parametrize("parameters", ["800102840101", "8001FF840101", "800104840109", "80", "840500"])
def test_an_environment_that_makes_no_sense_is_refused(card: VirtualCard, parameters: str) -> None:
    data = bytes.fromhex(parameters)
    assert card.transmit(b"\x00\x22\x41\xb6" + bytes([len(data)]) + data)[-2:].hex() in ("6a80", "6a88")


def test_internal_authenticate_signs_with_the_identification_key(card: VirtualCard) -> None:
    card.transmit(b"\x00\x20\x00\x01\x06" + PIN.encode())
    assert ask(card, "002241A403840101")[0] == "9000"
    answer = card.transmit(b"\x00\x88\x00\x00\x20" + hashlib.sha256(MESSAGE).digest() + b"\x00")
    public = card.keys[0].certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(answer[:-2], MESSAGE, ec.ECDSA(hashes.SHA256()))


def test_under_t0_answers_are_fetched_and_lengths_corrected(make_card: Callable[..., VirtualCard]) -> None:
    card = make_card(protocol="T=0")
    word, _ = ask(card, "00A40804" + "0450155032")
    assert word.startswith("61")
    size = int(word[2:], 16)
    assert ask(card, "00C00000FF")[0] == f"6C{size:02X}"
    word, first = ask(card, "00C0000005")
    assert (word, len(first)) == (f"61{size - 5:02X}", 5)
    word, rest = ask(card, f"00C00000{size - 5:02X}")
    assert word == "9000"
    assert (first + rest)[0] == 0x62
    ask(card, "00A4080C" + "022F00")
    word, _ = ask(card, "00B00000FF")
    assert word.startswith("6C")
    assert ask(card, f"00B00000{word[2:]}")[0] == "9000"
    assert ask(card, "0020000100")[0] == "63C3", "P3=00 is all that T=0 can say"


@pytest.mark.parametrize("apdu", ["00A40804045015503200", "00200001", "00A4040C"])
def test_what_t0_cannot_carry_is_refused_as_a_real_reader_or_card_would(
    make_card: Callable[..., VirtualCard], apdu: str
) -> None:
    assert ask(make_card(protocol="T=0"), apdu)[0] == "6700"


def test_certificates_say_who_which_card_and_how_sure(card: VirtualCard, authority: TestAuthority) -> None:
    persona = card.persona
    ask(card, "00A4080C0450154301")
    certificate = x509.load_der_x509_certificate(read_all(card))
    subject = {attribute.oid._name: attribute.value for attribute in certificate.subject}
    assert subject["serialNumber"] == persona.hsa_id
    assert subject["commonName"] == persona.name
    number = certificate.extensions.get_extension_for_oid(CARD_NUMBER_OID).value
    assert isinstance(number, x509.UnrecognizedExtension)
    assert number.value == b"\x13\x10" + persona.card_number.encode()
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, False)
    certificate.verify_directly_issued_by(authority.intermediates()[0])
    authority.intermediates()[0].verify_directly_issued_by(authority.anchors()[0])


def test_the_authority_is_the_same_after_loading(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> None:
    folder = tmp_path_factory.mktemp("pki") / "authority"
    first = TestAuthority.load_or_create(folder, now)
    second = TestAuthority.load_or_create(folder, now)
    assert first.anchors() == second.anchors()
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.key.pem"))


def test_the_invented_people_are_told_apart_by_everything_that_must_tell_them_apart() -> None:
    everyone = (*people(), *administrators())
    assert len(people()) == 12
    assert [someone.order for someone in everyone] == list(range(1, 15))
    cards: list[Persona] = [card for someone in everyone for card in (someone.old, someone.new)]
    for attribute in ("card_number", "serial", "puk"):
        assert len({getattr(card, attribute) for card in cards}) == len(cards), attribute
    assert len({card.hsa_id for card in cards}) == len(everyone)
    assert sum(someone.protected_identity for someone in everyone) == 1
    with pytest.raises(LookupError, match="number 15"):
        person(15)
