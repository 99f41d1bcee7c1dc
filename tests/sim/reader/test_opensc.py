"""The referee: OpenSC's own tools, through PC/SC and vpcd, take the PKCS#15 cards (A, B) for cards of their kind."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.keys import Generated, KeyAlgorithm
from drivers.reader.outcomes import Accepted, Role
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import verifies
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import PIN, SIGNATURE_PIN, person, with_two_pins
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.sim.reader.referee import Tool, in_reader, runner

pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed"),
]

PUK = person(1).new.puk
NEW = "975310"
WRONG = "000000"


@pytest.fixture
def opensc(tmp_path: Path, pcscd: dict[int, str]) -> Tool:
    """Run one tool on the first virtual reader."""
    return runner(tmp_path)


TITLES = {"A": "IsoApplet", "B": "MyEID"}
PUK_TRIES = {"A": 5, "B": 10}


@pytest.fixture(params=["B RSA-2048", "B EC-P256", "A RSA-2048"])
def plugged(
    request: pytest.FixtureRequest, pcscd: dict[int, str], make_card: Callable[..., VirtualCard]
) -> Iterator[VirtualCard]:
    kind, _, algorithm = request.param.partition(" ")
    card = make_card(algorithm, kind=kind)
    with in_reader(card):
        yield card


def test_the_tools_name_the_card_and_list_what_is_on_it(plugged: VirtualCard, opensc: Tool) -> None:
    named = opensc("opensc-tool", "-n", "-a")
    assert named.returncode == 0, named.stderr
    assert plugged.atr.hex(":") in named.stdout
    assert TITLES[plugged.kind] in named.stdout
    dump = opensc("pkcs15-tool", "--dump")
    assert dump.returncode == 0, dump.stderr
    assert re.findall(r"X\.509 Certificate \[(\w+)\]", dump.stdout) == ["Legitimering", "Underskrift"]
    assert f"Serial number  : {plugged.persona.serial}" in dump.stdout
    assert dump.stdout.count("Private ") == 2
    told = ["3", "10"] if plugged.kind == "B" else []
    assert re.findall(r"Tries left +: (\d+)", dump.stdout) == told


def test_a_right_and_a_wrong_pin(plugged: VirtualCard, opensc: Tool) -> None:
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", PIN).returncode == 0
    wrong = opensc("pkcs15-tool", "--verify-pin", "--pin", WRONG)
    assert wrong.returncode != 0
    assert "incorrect" in wrong.stderr
    assert plugged.tries_left == (2, PUK_TRIES[plugged.kind])


def test_the_holder_changes_the_pin(plugged: VirtualCard, opensc: Tool) -> None:
    assert opensc("pkcs15-tool", "--change-pin", "--pin", PIN, "--new-pin", NEW).returncode == 0
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", NEW).returncode == 0


def test_a_locked_card_is_unlocked_with_the_letter(plugged: VirtualCard, opensc: Tool) -> None:
    for _ in range(3):
        last = opensc("pkcs15-tool", "--verify-pin", "--pin", WRONG)
    assert ("blocked" if plugged.kind == "B" else "incorrect") in last.stderr
    assert opensc("pkcs15-tool", "--unblock-pin", "--puk", "00000000", "--new-pin", NEW).returncode != 0
    assert plugged.tries_left == (0, PUK_TRIES[plugged.kind] - 1)
    assert opensc("pkcs15-tool", "--unblock-pin", "--puk", PUK, "--new-pin", NEW).returncode == 0
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", NEW).returncode == 0
    assert plugged.tries_left == (3, PUK_TRIES[plugged.kind])


@pytest.mark.parametrize("kind", ["A", "B"])
def test_a_card_that_lists_no_puk_is_unlocked_too(
    pcscd: dict[int, str], opensc: Tool, authority: TestAuthority, now: datetime, kind: str
) -> None:
    card = VirtualCard.create(person(6).new, authority, now, kind=kind, traits=["no-puk-object"])
    card.lock()
    with in_reader(card):
        assert "PUK" not in opensc("pkcs15-tool", "--dump").stdout
        unlocked = opensc("pkcs15-tool", "--unblock-pin", "--puk", card.persona.puk, "--new-pin", NEW)
        assert unlocked.returncode == 0, unlocked.stderr
        assert opensc("pkcs15-tool", "--verify-pin", "--pin", NEW).returncode == 0


def test_the_pkcs11_self_test_passes(plugged: VirtualCard, opensc: Tool) -> None:
    outcome = opensc("pkcs11-tool", "--test", "--login", "--pin", PIN)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "No errors" in outcome.stdout


def test_a_signature_made_through_pkcs11_is_that_of_the_certificate(
    plugged: VirtualCard, opensc: Tool, tmp_path: Path
) -> None:
    text, signature = tmp_path / "text", tmp_path / "signature"
    text.write_bytes(b"I have fetched my card")
    public = plugged.keys[0].certificate.public_key()
    mechanism = ["SHA256-RSA-PKCS"] if isinstance(public, rsa.RSAPublicKey) else ["ECDSA-SHA256", "-f", "openssl"]
    words = ["pkcs11-tool", "--sign", "--login", "--pin", PIN, "--id", "41", "-m", *mechanism]
    made = opensc(*words, "-i", str(text), "-o", str(signature))
    assert made.returncode == 0, made.stderr
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature.read_bytes(), text.read_bytes(), padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature.read_bytes(), text.read_bytes(), ec.ECDSA(hashes.SHA256()))


def test_a_card_with_two_codes_shows_and_takes_both(
    pcscd: dict[int, str], opensc: Tool, authority: TestAuthority, now: datetime
) -> None:
    with in_reader(VirtualCard.create(with_two_pins(person(6).new), authority, now)):
        dump = opensc("pkcs15-tool", "--dump")
        first = opensc("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", PIN)
        second = opensc("pkcs15-tool", "--verify-pin", "--auth-id", "03", "--pin", SIGNATURE_PIN)
    assert re.findall(r"^PIN \[(\w+)\]", dump.stdout, re.MULTILINE) == ["PIN", "Underskrift", "PUK"]
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr


@pytest.mark.parametrize("algorithm", ["EC-P256", "EC-P384", "RSA-2048"])
async def test_the_tools_see_and_use_what_was_written(
    make_card: Callable[..., VirtualCard],
    pcscd: dict[int, str],
    opensc: Tool,
    authority: TestAuthority,
    now: datetime,
    tmp_path: Path,
    algorithm: KeyAlgorithm,
) -> None:
    card = make_card()
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: now))
    async with visiting(reader) as visit:
        await visit.verify(Role.IDENTIFICATION, Secret(PIN))
        made = await visit.generate_key("43", algorithm)
        assert isinstance(made, Generated)
        public = serialization.load_der_public_key(made.public_key)
        assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        issued = authority.issue(card.persona, public, "identification", now)
        der = issued.public_bytes(serialization.Encoding.DER)
        assert await visit.write_certificate("43", der) == Accepted()
        assert await visit.delete_certificate("41") == Accepted()
        assert await visit.delete_key("41") == Accepted()
    await reader.close()
    slot.remove()
    text, signature, written = tmp_path / "text", tmp_path / "signature", tmp_path / "certificate"
    text.write_bytes(b"I have fetched my certificate")
    mechanism = (
        ["SHA256-RSA-PKCS"]
        if algorithm == "RSA-2048"
        else ["ECDSA-SHA384" if algorithm == "EC-P384" else "ECDSA-SHA256", "-f", "openssl"]
    )
    words = ["pkcs11-tool", "--sign", "--login", "--pin", PIN, "--id", "43", "-m", *mechanism]
    with in_reader(card):
        dump = opensc("pkcs15-tool", "--dump")
        read = opensc("pkcs15-tool", "--read-certificate", "43", "-o", str(written))
        signed = opensc(*words, "-i", str(text), "-o", str(signature))
    assert dump.returncode == 0, dump.stderr
    assert re.findall(r"X\.509 Certificate \[(\w+)\]", dump.stdout) == ["Underskrift", "Identification"]
    assert dump.stdout.count("Private ") == dump.stdout.count("Public ") == 2
    assert read.returncode == 0, read.stderr
    assert x509.load_pem_x509_certificate(written.read_bytes()) == issued
    assert signed.returncode == 0, signed.stderr
    assert verifies(der, text.read_bytes(), signature.read_bytes())
