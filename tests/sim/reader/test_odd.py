"""Odd cards: what their descriptions say is what they do, whoever reads them; and the reader finds its way on all."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509

from drivers.reader.card_reader import open_session
from drivers.reader.outcomes import Accepted, Role, Signed, WrongCode
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader.odd import OddCard, Oddity, odd_card
from sim.reader.odd.form import CodeForm, PasswordType
from sim.reader.odd.oddity import draw
from sim.reader.pkcs15_files import AID
from sim.reader.pki import TestAuthority
from tests.sim.reader.referee import in_reader, runner
from tests.sim.reader.speak import NEW, WRONG

SEEDS = range(60)
MakeOdd = Callable[..., OddCard]


class Wire:
    """The card as a connection."""

    def __init__(self, card: OddCard) -> None:
        self.atr, self.protocol = card.power_on(), card.protocol
        self.transmit = card.transmit

    def close(self) -> None:
        """Nothing to let go."""


@pytest.fixture
def make(authority: TestAuthority, now: datetime) -> MakeOdd:
    def card(seed: int, **changed: object) -> OddCard:
        protocol = changed.pop("protocol", "T=1")
        oddity = replace(draw(seed), **changed)  # type: ignore[arg-type]
        return odd_card(seed, authority, now, oddity=oddity, protocol=protocol)  # type: ignore[arg-type]

    return card


def walk(card: OddCard) -> str:
    """Go to the application's DF, one identifier at a time."""
    answers = [card.transmit(bytes.fromhex(f"00A4000C02{number:04X}")) for number in (0x3F00, *card.oddity.df)]
    return answers[-1].hex()


def send(card: OddCard, header: str, data: bytes = b"") -> str:
    return card.transmit(bytes.fromhex(header) + (bytes([len(data)]) + data if data else b"")).hex()


def test_a_seed_draws_the_same_card_each_time_and_another_seed_another(make: MakeOdd) -> None:
    assert draw(3) == draw(3)
    assert make(3).persona == make(3).persona
    assert make(3).keys[0].private.private_numbers() == make(3).keys[0].private.private_numbers()
    assert len({repr(draw(seed)) for seed in SEEDS}) == len(SEEDS)


def test_the_seeds_reach_every_way() -> None:
    drawn = [draw(seed) for seed in range(200)]
    for name in (field.name for field in fields(Oddity)):
        assert len({repr(getattr(oddity, name)) for oddity in drawn}) > 1, name
    assert {oddity.form.kind for oddity in drawn} == set(PasswordType)
    assert {oddity.certificate for oddity in drawn} == {"file", "slice", "direct", "direct-explicit"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
def test_the_reader_finds_its_way(make: MakeOdd, seed: int, protocol: str) -> None:
    card = make(seed, protocol=protocol)
    session = open_session(ApduChannel(Wire(card)), profiles=builtin(), ledger=MemoryLedger())
    session.complete()
    assert session.facts.holder.hsa_id == card.persona.hsa_id
    assert sorted(pin.reference for pin in session.facts.pins) == sorted(card.oddity.references)
    issued = [key.certificate for key in card.keys]
    assert [x509.load_der_x509_certificate(c.der) for c in session.facts.certificates] == issued
    changed = session.change(Role.IDENTIFICATION, Secret(card.persona.pin), Secret(NEW), consented=False)
    assert isinstance(changed, Accepted)
    assert isinstance(session.verify(Role.IDENTIFICATION, Secret(NEW), consented=False), Accepted)
    assert isinstance(session.sign("identification", b"I have fetched my card"), Signed)
    assert isinstance(session.verify(Role.IDENTIFICATION, Secret(WRONG), consented=False), WrongCode)
    assert card.tries_left == (2, 10)


@pytest.mark.parametrize("seed", range(20))
def test_codes_are_taken_in_their_form_alone(make: MakeOdd, seed: int) -> None:
    card = make(seed)
    form, (pin, puk) = card.oddity.form, (f"{number:02X}" for number in card.oddity.references)
    card.power_on()
    assert walk(card) == "9000"
    assert send(card, f"002000{pin}", form.encode(card.persona.pin) + b"\x31") == "6700", "no try used"
    assert send(card, f"002000{pin}", form.encode(card.persona.pin)) == "9000"
    for left in ("63c2", "63c1", "6983", "6983"):
        assert send(card, f"002000{pin}", form.encode(WRONG)) == left
    assert send(card, f"002400{pin}", form.encode(card.persona.pin) + form.encode(NEW)) == "6983"
    assert send(card, f"002C00{pin}", form.encode("00000000") + form.encode(NEW)) == "63c9"
    assert send(card, f"002C01{pin}", form.encode(card.persona.puk)) == "6a86"
    assert send(card, f"002C00{puk}", form.encode(card.persona.puk) + form.encode(NEW)) == "6985"
    assert send(card, f"002C00{pin}", form.encode(card.persona.puk) + form.encode("1")) == "6700"
    assert send(card, f"002C00{pin}", form.encode(card.persona.puk) + form.encode(NEW)) == "9000"
    assert send(card, f"002000{pin}", form.encode(NEW)) == "9000"


def test_a_local_code_is_known_in_its_application_only(make: MakeOdd) -> None:
    card = make(4, local=True)
    card.power_on()
    assert send(card, f"002000{card.oddity.references[0]:02X}") == "6a88"
    walk(card)
    assert send(card, f"002000{card.oddity.references[0]:02X}") == "63c3"


def test_records_are_read_one_by_one(make: MakeOdd) -> None:
    card = make(1, records=True, inline=frozenset(), entry="path", decoy=True)
    card.power_on()
    assert send(card, "00A4000C", bytes.fromhex("2F00")) == "9000"
    assert card.transmit(bytes.fromhex("00B0000000")).hex() == "6981"
    found = [card.transmit(bytes.fromhex(f"00B20{number}0400")) for number in (1, 2)]
    assert [answer[:1] + answer[-2:] for answer in found] == [b"\x61\x90\x00"] * 2
    assert card.transmit(bytes.fromhex("00B2030400")).hex() == "6a83"
    assert card.transmit(bytes.fromhex("00B2010000")).hex() == "6a86"
    walk(card)
    assert card.transmit(bytes.fromhex("00B2010400")).hex() == "6986", "nothing is selected"
    assert send(card, "00A4000C", bytes.fromhex("5032")) == "9000"
    assert card.transmit(bytes.fromhex("00B2010400")).hex() == "6981", "a transparent file"


@pytest.mark.parametrize(
    ("kind", "code", "written"),
    [
        (PasswordType.BCD, "246813", "246813ffffffffff"),
        (PasswordType.ASCII, "246813", "323436383133ffff"),
        (PasswordType.HALF_NIBBLE_BCD, "246813", "f2f4f6f8f1f3ffff"),
        (PasswordType.ISO_9564_1, "2468135", "272468135fffffff"),
    ],
)
def test_forms_are_those_of_the_standard(kind: PasswordType, code: str, written: str) -> None:
    form = CodeForm(kind, 8, padded=True)
    assert form.encode(code).hex() == written
    assert form.characters(form.encode(code)) == len(code)


KNOWN_TO_OPENSC = {
    "entry": "path", "aid": AID, "parameters": "fcp", "path_select": True, "gaps": False, "records": False,
    "decoy": False, "inline": frozenset(),
}  # fmt: skip
"""What its driver for any card copes with; the rest stays as the seed draws it."""
TEXT = (PasswordType.ASCII, PasswordType.UTF8)
FOR_OPENSC = [seed for seed in SEEDS if draw(seed).form.kind in TEXT and draw(seed).certificate != "direct"][:6]
"""It writes codes of all types but BCD as text, and halves the length of BCD."""


@pytest.mark.pcsc
@pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed")
@pytest.mark.parametrize("seed", FOR_OPENSC)
def test_opensc_reads_the_same(make: MakeOdd, seed: int, pcscd: dict[int, str], tmp_path: Path) -> None:
    tool = runner(tmp_path, "enable_default_driver = yes; card_drivers = default;")
    card = make(seed, **KNOWN_TO_OPENSC)
    with in_reader(card):
        for key, key_id in zip(card.keys, card.oddity.key_ids, strict=True):
            read = tool("pkcs15-tool", "--read-certificate", key_id.hex())
            assert x509.load_pem_x509_certificate(read.stdout.encode()) == key.certificate, read.stderr
        auth_id = card.oddity.auth_ids[0].hex()
        right = tool("pkcs15-tool", "--verify-pin", "--auth-id", auth_id, "--pin", card.persona.pin)
    assert right.returncode == 0, right.stderr
