"""The PIV cards (kinds C and D) by raw commands: objects, keys, the management key, chains, the maker's extensions."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, Hash
from cryptography.x509.oid import NameOID

from sim.reader.card_memory import CardFileError
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, person
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from sim.reader.piv.objects import fascn
from sim.reader.pki import CARD_NUMBER_OID, TestAuthority
from sim.reader.slot import CardTornError
from tests.sim.reader.speak import NEW, PUK, WRONG, WRONG_PUK, Talk

MakeCard = Callable[..., VirtualCard]
pytestmark = pytest.mark.parametrize("kind", ["C", "D"])
CERTIFICATES = {"9A": "5FC105", "9C": "5FC10A", "9D": "5FC10B", "9E": "5FC101", "82": "5FC10D", "83": "5FC10E"}
GZIPPED = {"C": {"9D", "83"}, "D": {"83"}}
MANAGEMENT_ALGORITHM = {"C": "03", "D": "0A"}


@pytest.fixture
def talk(make_card: MakeCard, kind: str) -> Talk:
    return Talk(make_card(kind=kind))


def get(talk: Talk, tag: str) -> tuple[str, bytes]:
    wanted = bytes.fromhex(f"5C{len(tag) // 2:02X}{tag}")
    return talk.ask("00CB3FFF", wanted, "00")


def split(data: bytes) -> dict[int, bytes]:
    """One level of data objects of one-byte tags."""
    found = {}
    while data:
        size, skip = data[1], 2
        if size > 0x80:
            skip = 2 + size - 0x80
            size = int.from_bytes(data[2:skip], "big")
        found[data[0]], data = data[skip : skip + size], data[skip + size :]
    return found


def wrap(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


def certificate(talk: Talk, slot: str) -> x509.Certificate:
    parts = split(split(get(talk, CERTIFICATES[slot])[1])[0x53])
    packed = slot in GZIPPED[talk.card.kind]
    assert parts[0x71] == bytes([packed])
    return x509.load_der_x509_certificate(gzip.decompress(parts[0x70]) if packed else parts[0x70])


def use_key(talk: Talk, slot: str, algorithm: str, challenge: bytes) -> tuple[str, bytes]:
    template = wrap(0x7C, wrap(0x82, b"") + wrap(0x81, challenge))
    for start in range(0, len(template) - 255, 255):
        assert talk.send(f"1087{algorithm}{slot}", template[start : start + 255]) == "9000"
    rest = template[(len(template) - 1) // 255 * 255 :]
    word, answer = talk.ask(f"0087{algorithm}{slot}", rest, "00")
    return word, split(split(answer)[0x7C])[0x82] if answer else b""


def become_manager(talk: Talk, key: bytes = FACTORY_MANAGEMENT_KEY) -> str:
    """The card's witness decrypted, and a challenge of ours encrypted by the card."""
    header = f"0087{MANAGEMENT_ALGORITHM[talk.card.kind]}9B"
    cipher = Cipher(TripleDES(key) if talk.card.kind == "C" else algorithms.AES(key), modes.ECB())  # noqa: S305 - the standard's own way
    witness = split(split(talk.ask(header, bytes.fromhex("7C028000"), "00")[1])[0x7C])[0x80]
    ours = bytes(range(len(witness)))
    decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
    plain = decryptor.update(witness) + decryptor.finalize()
    word, answer = talk.ask(header, wrap(0x7C, wrap(0x80, plain) + wrap(0x81, ours)), "00")
    if word == "9000":
        assert split(split(answer)[0x7C])[0x82] == encryptor.update(ours) + encryptor.finalize()
    return word


def test_certificates_say_whose_card_it_is(talk: Talk) -> None:
    persona = talk.card.persona
    for slot in ("9A", "9C", "9D", "82", "83"):
        found = certificate(talk, slot)
        assert found.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == persona.hsa_id
        number = found.extensions.get_extension_for_oid(CARD_NUMBER_OID).value
        assert isinstance(number, x509.UnrecognizedExtension)
        assert number.value[2:].decode() == persona.card_number
    nobody = certificate(talk, "9E").subject
    assert not nobody.get_attributes_for_oid(NameOID.SERIAL_NUMBER), "the card's own key is nobody's"
    assert certificate(talk, "82").not_valid_after_utc < certificate(talk, "9D").not_valid_before_utc


def test_the_discovery_object_says_that_the_card_has_a_pin_of_its_own(talk: Talk) -> None:
    assert get(talk, "7E") == ("9000", bytes.fromhex("7E124F0BA0000003080000100001005F2F024000"))


def test_chuid_and_capabilities_tell_cards_apart(talk: Talk, make_card: MakeCard) -> None:
    chuid = split(split(get(talk, "5FC102")[1])[0x53])
    assert (len(chuid[0x30]), len(chuid[0x34])) == (25, 16)
    assert chuid[0x35].decode() == f"{certificate(talk, '9A').not_valid_after_utc:%Y%m%d}"
    capabilities = split(split(get(talk, "5FC107")[1])[0x53])
    assert capabilities[0xF0][7:] == chuid[0x34][:14]


def test_the_number_of_no_agency_is_coded_as_the_standard_does(kind: str) -> None:
    bits = f"{int.from_bytes(fascn(123456), 'big'):0200b}"
    groups = [bits[i : i + 5] for i in range(0, 200, 5)]
    assert all(group.count("1") % 2 for group in groups), "odd parity"
    digits = [int(group[:4][::-1], 2) for group in groups]
    assert digits[1:5] == [9, 9, 9, 9]
    assert digits[11:17] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("tag", "word"), [("5FC109", "6982"), ("5FC106", "6A82"), ("5FC120", "6A82"), ("5FC103", "6A82"), ("", "6A80")]
)
def test_what_may_not_be_read_or_is_not_there(talk: Talk, tag: str, word: str) -> None:
    assert get(talk, tag) == (word, b"")


def test_what_is_printed_on_the_card_is_read_with_the_pin(talk: Talk) -> None:
    assert talk.verify(PIN) == "9000"
    assert talk.card.persona.card_number.encode() in get(talk, "5FC109")[1]


def test_a_long_answer_comes_in_parts_or_at_once_where_the_card_can(talk: Talk, kind: str) -> None:
    wanted = bytes.fromhex("5C035FC105")
    first = talk.card.transmit(bytes.fromhex("00CB3FFF05") + wanted + b"\x00")
    assert (len(first), first[-2]) == (258, 0x61)
    whole = talk.card.transmit(bytes.fromhex("00CB3FFF000005") + wanted + bytes(2))
    assert whole == (b"\x67\x00" if kind == "C" else get(talk, "5FC105")[1] + b"\x90\x00")


@pytest.mark.parametrize(("algorithm", "number"), [("EC-P256", "11"), ("EC-P384", "14")])
def test_each_signature_wants_the_pin_again(make_card: MakeCard, kind: str, algorithm: str, number: str) -> None:
    talk = Talk(make_card(algorithm, kind=kind))
    made = SHA256() if number == "11" else SHA384()
    digest = Hash(made)
    digest.update(b"I have fetched my card")
    value = digest.finalize()
    assert use_key(talk, "9C", number, value)[0] == "6982"
    talk.verify(PIN)
    word, signature = use_key(talk, "9C", number, value)
    public = certificate(talk, "9C").public_key()
    assert word == "9000"
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, value, ec.ECDSA(Prehashed(made)))
    assert use_key(talk, "9C", number, value)[0] == "6982", "the signature key, once more"
    assert use_key(talk, "9A", number, value)[0] == "9000", "the log-in key, once verified"


def test_rsa_signs_a_block_that_comes_in_a_chain(make_card: MakeCard, kind: str) -> None:
    talk = Talk(make_card("RSA-2048", kind=kind))
    talk.verify(PIN)
    block = b"\x00\x01" + b"\xff" * 202 + b"\x00" + bytes(range(51))
    word, signature = use_key(talk, "9A", "07", block)
    public = certificate(talk, "9A").public_key()
    assert word == "9000"
    assert isinstance(public, rsa.RSAPublicKey)
    numbers = public.public_numbers()
    assert pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big") == block


def test_the_card_itself_signs_without_a_pin(talk: Talk) -> None:
    assert use_key(talk, "9E", "11", bytes(32))[0] == "9000"


def test_a_key_of_the_past_agrees_on_a_secret(talk: Talk) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    numbers = other.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    talk.verify(PIN)
    word, answer = talk.ask("00871183", wrap(0x7C, wrap(0x82, b"") + wrap(0x85, point)), "00")
    card_key = certificate(talk, "83").public_key()
    assert word == "9000"
    assert isinstance(card_key, ec.EllipticCurvePublicKey)
    assert split(split(answer)[0x7C])[0x82] == other.exchange(ec.ECDH(), card_key)


@pytest.mark.parametrize(
    ("header", "data", "word"),
    [
        ("0087119A", "7C028200", "6A80"),
        ("0087149A", "7C0482008100", "6A86"),
        ("00871184", "7C0482008100", "6A88"),
        ("00871170", "7C0482008100", "6A86"),
        ("0087119A", "8100", "6A80"),
        ("0087119A", "7C05", "6A80"),
        ("00470095", "AC03800111", "6982"),
        ("00DB3FFF", "5C035FC10D5300", "6982"),
        ("00CB0000", "5C017E", "6A86"),
        ("00200081", "", "6A88"),
        ("002C0081", "31", "6A88"),
        ("01CB3FFF", "5C017E", "6E00"),
        ("00200180", "", "6A86"),
        ("00240180", "31", "6A86"),
        ("00240000", "31", "6A88"),
        ("002C0180", "31", "6A86"),
        ("0087059B", "7C028000", "6A86"),
        ("0087119A", "7C028500", "6A80"),
        ("0087119A", "7C038501FF", "6A80"),
        ("0087119A", "7C03810101", "6700"),
        ("0087119A", "7C8401", "6A80"),
    ],
)
def test_what_makes_no_sense_has_its_own_status_word(talk: Talk, header: str, data: str, word: str) -> None:
    talk.verify(PIN)
    assert talk.send(header, bytes.fromhex(data), "00") == word


def test_who_has_the_management_key_makes_keys_and_writes_certificates(talk: Talk) -> None:
    before = talk.card.keys[0].certificate
    assert become_manager(talk) == "9000"
    word, answer = talk.ask("0047009A", bytes.fromhex("AC03800111"), "00")
    assert word == "9000"
    assert answer[:2].hex() == "7f49"
    content = wrap(0x70, bytes(600)) + bytes.fromhex("710100FE00")
    whole = bytes.fromhex("5C035FC105") + wrap(0x53, content)
    assert talk.send("10DB3FFF", whole[:255]) == "9000"
    assert talk.send("10DB3FFF", whole[255:510]) == "9000"
    assert talk.send("00DB3FFF", whole[510:]) == "9000"
    assert get(talk, "5FC105") == ("9000", wrap(0x53, content))
    assert talk.send("00DB3FFF", bytes.fromhex("5C035FC1055300")) == "9000"
    assert get(talk, "5FC105")[0] == "6A82"
    assert talk.card.keys[0].certificate is before, "as issued"


@pytest.mark.parametrize(("algorithm", "word"), [("07", "9000"), ("14", "9000"), ("06", "6A80")])
def test_keys_of_each_kind_are_made_on_the_card(talk: Talk, algorithm: str, word: str) -> None:
    become_manager(talk)
    assert talk.send("00470095", bytes.fromhex(f"AC0380 01{algorithm}"), "00") == word
    if word == "9000":
        talk.verify(PIN)
        assert use_key(talk, "95", algorithm, bytes(256 if algorithm == "07" else 48))[0] == "9000"


def test_where_keys_and_objects_may_not_go(talk: Talk) -> None:
    become_manager(talk)
    assert talk.send("00470070", bytes.fromhex("AC03800111"), "00") == "6A86"
    assert talk.send("00DB3FFF", bytes.fromhex("5C017E5301AA")) == "6A80"
    assert talk.send("00DB3FFF", bytes.fromhex("5C035FC105")) == "6A80"


def test_a_challenge_of_another_length_is_bad_data(talk: Talk, kind: str) -> None:
    assert use_key(talk, "9E", "11", bytes(31))[0] == "6700"


def test_a_wrong_management_key_opens_nothing(talk: Talk) -> None:
    assert become_manager(talk, bytes.fromhex("0102030405060718" * 3)) == "6982"
    assert talk.send("0047009A", bytes.fromhex("AC03800111"), "00") == "6982"


def test_a_challenge_is_good_for_one_answer(talk: Talk, kind: str) -> None:
    header = f"0087{MANAGEMENT_ALGORITHM[kind]}9B"
    key = TripleDES(FACTORY_MANAGEMENT_KEY) if kind == "C" else algorithms.AES(FACTORY_MANAGEMENT_KEY)
    challenge = split(split(talk.ask(header, bytes.fromhex("7C028100"), "00")[1])[0x7C])[0x81]
    encryptor = Cipher(key, modes.ECB()).encryptor()  # noqa: S305 - the standard's own way
    proof = wrap(0x7C, wrap(0x82, encryptor.update(challenge) + encryptor.finalize()))
    assert talk.send(header, proof) == "9000"
    assert talk.send(header, proof) == "6982"


def test_the_maker_tells_tries_policies_serial_and_version(talk: Talk, kind: str) -> None:
    if kind == "C":
        assert [talk.send(f"00{ins}0080", le="00") for ins in ("F7", "F8")] == ["6982", "6982"]
        assert talk.ask("00FD0000", le="00") == ("9000", b"\x03\x05\x00")
        return
    talk.verify(WRONG)
    talk.unblock(WRONG_PUK, NEW)
    assert split(talk.ask("00F70080", le="00")[1])[0x06] == bytes([3, 2])
    assert split(talk.ask("00F70081", le="00")[1])[0x06] == bytes([3, 2])
    assert split(talk.ask("00F7009C", le="00")[1])[0x02] == bytes([3, 1]), "PIN always"
    assert split(talk.ask("00F7009B", le="00")[1])[0x01] == bytes([0x0A])
    assert talk.send("00F70095", le="00") == "6A88"
    assert talk.ask("00F80000", le="00")[1] == bytes.fromhex(talk.card.persona.serial)[-4:]
    assert talk.ask("00FD0000", le="00") == ("9000", b"\x05\x07\x01")


def test_the_maker_moves_and_deletes_keys(talk: Talk, kind: str) -> None:
    assert talk.send("00F6959D") == "6982", "without the management key; C does not know it at all"
    if kind == "C":
        return
    assert become_manager(talk) == "9000"
    before = talk.ask("00F7009D", le="00")[1]
    assert talk.send("00F6319D") == "6A86"
    assert talk.send("00F6959D") == "9000"
    assert talk.send("00F6959D") == "6A88", "moved already"
    assert talk.ask("00F70095", le="00")[1] == before
    assert talk.send("00F6FF95") == "9000"
    assert talk.send("00F70095", le="00") == "6A88"


def test_selecting_again_keeps_the_pin_where_the_standard_is_followed(talk: Talk, kind: str) -> None:
    talk.verify(PIN)
    assert talk.send("00A40400", bytes.fromhex("A000000527"), "00") == "6A82", "another application, not here"
    assert talk.empty() == "9000"
    talk.select()
    assert talk.empty() == ("9000" if kind == "C" else "63C3")


def test_logging_out_forgets_the_pin(talk: Talk) -> None:
    talk.verify(PIN)
    assert talk.send("0020FF80") == "9000"
    assert talk.empty() != "9000"


def test_nothing_is_answered_before_the_application_is_selected(talk: Talk) -> None:
    talk.card.reset()
    assert get(talk, "7E") == ("6D00", b"")
    assert talk.empty() == "6D00"


def test_the_puk_is_changed_too(talk: Talk) -> None:
    assert talk.send("00240081", talk.language.code(PUK, "11223344")) == "9000"
    assert talk.unblock(PUK, NEW) == "63C2"
    assert talk.unblock("11223344", NEW) == "9000"


def test_all_is_kept_in_the_card_file(make_card: MakeCard, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    talk = Talk(make_card(kind=kind, path=path))
    talk.verify(WRONG)
    become_manager(talk)
    talk.send("00470095", bytes.fromhex("AC03800111"), "00")
    talk.send("00DB3FFF", bytes.fromhex("5C035FC1205301AA"))
    again = VirtualCard.load(path)
    again.power_on()
    other = Talk(again)
    assert again.tries_left == talk.card.tries_left
    assert get(other, "5FC120") == ("9000", b"\x53\x01\xaa")
    other.verify(PIN)
    assert use_key(other, "95", "11", bytes(32))[0] == "9000"
    assert certificate(other, "9A") == certificate(talk, "9A")


def test_a_file_that_lost_its_objects_is_damaged(make_card: MakeCard, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    make_card(kind=kind, path=path)
    document = json.loads(path.read_text())
    del document["piv"]
    path.write_text(json.dumps(document))
    with pytest.raises(CardFileError, match="damaged"):
        VirtualCard.load(path)


def test_a_torn_pin_costs_a_try_and_tells_nothing(talk: Talk) -> None:
    full = talk.card.tries_left[0]
    talk.card.tear(when="during")
    with pytest.raises(CardTornError):
        talk.verify(PIN)
    assert talk.card.tries_left[0] == full - 1


def test_an_endless_chain_is_cut(talk: Talk) -> None:
    answers = {talk.send("10DB3FFF", bytes(255)) for _ in range(20)}
    assert answers == {"9000", "6700"}


def test_the_persona_is_anyone(kind: str, now: datetime, authority: TestAuthority) -> None:
    card = VirtualCard.create(person(6).old, authority, now, kind=kind)
    assert (card.kind, card.persona.hsa_id) == (kind, person(6).hsa_id)
