"""The referees of the PIV cards: `ykman piv`, `yubico-piv-tool` and OpenSC read and do the same as the cards say."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from tests.sim.reader.referee import Tool, in_reader, runner
from tests.sim.reader.speak import NEW, PUK, WRONG, WRONG_PUK

PROGRAMS = ("ykman", "yubico-piv-tool", "pkcs11-tool")
READER = ("-r", "Virtual PCD 00 00")
YKMAN = ("ykman", *READER, "piv")
PIV_TOOL = ("yubico-piv-tool", *READER)
MANAGEMENT = FACTORY_MANAGEMENT_KEY.hex()
TRIES = {"C": (5, 3), "D": (3, 3)}
pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.skipif(
        not all(Path("/usr/bin", program).exists() for program in PROGRAMS), reason="a PIV tool is not installed"
    ),
]


@pytest.fixture
def tool(tmp_path: Path, pcscd: dict[int, str]) -> Tool:
    return runner(tmp_path)


@pytest.fixture(params=["C", "D"])
def plugged(
    request: pytest.FixtureRequest, pcscd: dict[int, str], make_card: Callable[..., VirtualCard]
) -> Iterator[VirtualCard]:
    with in_reader(make_card("RSA-2048", kind=request.param)) as card:
        yield card


def test_they_read_the_same_certificates(plugged: VirtualCard, tool: Tool) -> None:
    for slot, stored in zip(("9a", "9c"), plugged.keys, strict=True):
        by_ykman = tool(*YKMAN, "certificates", "export", slot, "-")
        by_piv_tool = tool(*PIV_TOOL, "-a", "read-certificate", "-s", slot)
        for read in (by_ykman, by_piv_tool):
            assert read.returncode == 0, read.stderr
            assert x509.load_pem_x509_certificate(read.stdout.encode()) == stored.certificate
    by_opensc = tool("pkcs15-tool", "--read-certificate", "01")
    assert x509.load_pem_x509_certificate(by_opensc.stdout.encode()) == plugged.keys[0].certificate


@pytest.mark.parametrize("slot", ["9d", "82", "83"])
def test_they_agree_on_compressed_and_retired_certificates(plugged: VirtualCard, tool: Tool, slot: str) -> None:
    read = [
        x509.load_pem_x509_certificate(tool(*words).stdout.encode())
        for words in (
            (*YKMAN, "certificates", "export", slot, "-"),
            (*PIV_TOOL, "-a", "read-certificate", "-s", slot),
        )
    ]
    assert read[0] == read[1]
    assert plugged.persona.hsa_id in read[0].subject.rfc4514_string()


def test_they_verify_the_pin(plugged: VirtualCard, tool: Tool) -> None:
    pin_tries, puk_tries = TRIES[plugged.kind]
    assert tool(*PIV_TOOL, "-a", "verify-pin", "-P", PIN).returncode == 0
    wrong = tool(*PIV_TOOL, "-a", "verify-pin", "-P", WRONG)
    assert f"{pin_tries - 1} tries left" in wrong.stdout + wrong.stderr
    assert plugged.tries_left == (pin_tries - 1, puk_tries)
    assert tool("pkcs15-tool", "--verify-pin", "--pin", PIN).returncode == 0
    assert plugged.tries_left == TRIES[plugged.kind]


def test_they_change_the_pin(plugged: VirtualCard, tool: Tool) -> None:
    assert tool(*YKMAN, "access", "change-pin", "-P", PIN, "-n", NEW).returncode == 0
    wrong = tool(*YKMAN, "access", "change-pin", "-P", PIN, "-n", "112233")
    assert f"{TRIES[plugged.kind][0] - 1} tries left" in wrong.stdout + wrong.stderr
    assert tool(*PIV_TOOL, "-a", "change-pin", "-P", NEW, "-N", PIN).returncode == 0
    assert tool(*PIV_TOOL, "-a", "verify-pin", "-P", PIN).returncode == 0


def test_they_unlock_the_card_with_the_puk(plugged: VirtualCard, tool: Tool) -> None:
    for _ in range(TRIES[plugged.kind][0]):
        tool(*PIV_TOOL, "-a", "verify-pin", "-P", WRONG)
    assert plugged.tries_left == (0, 3)
    wrong = tool(*YKMAN, "access", "unblock-pin", "-p", WRONG_PUK, "-n", NEW)
    assert "2 tries left" in wrong.stdout + wrong.stderr
    assert tool(*YKMAN, "access", "unblock-pin", "-p", PUK, "-n", NEW).returncode == 0
    assert plugged.tries_left == TRIES[plugged.kind]
    assert tool(*PIV_TOOL, "-a", "unblock-pin", "-P", PUK, "-N", PIN).returncode == 0
    assert tool(*PIV_TOOL, "-a", "verify-pin", "-P", PIN).returncode == 0


def test_they_make_a_key_and_write_its_certificate(plugged: VirtualCard, tool: Tool, tmp_path: Path) -> None:
    public, given = tmp_path / "public.pem", tmp_path / "certificate.pem"
    read = tool(*PIV_TOOL, "-a", "read-certificate", "-s", "9c").stdout
    given.write_text(read)
    made = tool(*YKMAN, "keys", "generate", "-a", "ECCP256", "-m", MANAGEMENT, "-P", PIN, "95", str(public))
    assert made.returncode == 0, made.stderr
    load_pem_public_key(public.read_bytes())
    wrote = tool(*PIV_TOOL, f"-k{MANAGEMENT}", "-a", "import-certificate", "-s", "95", "-i", str(given))
    assert wrote.returncode == 0, wrote.stderr
    assert tool(*YKMAN, "certificates", "export", "95", "-").stdout == read
    assert tool(*YKMAN, "certificates", "delete", "-m", MANAGEMENT, "-P", PIN, "95").returncode == 0
    assert tool(*YKMAN, "certificates", "export", "95", "-").returncode != 0
    if plugged.kind == "D":
        assert tool(*YKMAN, "keys", "info", "95").returncode == 0
        assert tool(*YKMAN, "keys", "delete", "-m", MANAGEMENT, "-P", PIN, "95").returncode == 0
        assert tool(*YKMAN, "keys", "info", "95").returncode != 0


def test_a_signature_made_through_pkcs11_is_that_of_the_certificate(
    plugged: VirtualCard, tool: Tool, tmp_path: Path
) -> None:
    text, signature = tmp_path / "text", tmp_path / "signature"
    text.write_bytes(b"I have fetched my card")
    words = ("pkcs11-tool", "--sign", "--login", "--pin", PIN, "--id", "01", "-m", "SHA256-RSA-PKCS")
    made = tool(*words, "-i", str(text), "-o", str(signature))
    assert made.returncode == 0, made.stderr
    key = plugged.keys[0].certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature.read_bytes(), text.read_bytes(), padding.PKCS1v15(), hashes.SHA256())


def test_the_pkcs11_self_test_passes_on_the_applet(
    pcscd: dict[int, str], tool: Tool, make_card: Callable[..., VirtualCard]
) -> None:
    with in_reader(make_card("RSA-2048", kind="C")):
        outcome = tool("pkcs11-tool", "--test", "--login", "--pin", PIN)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "No errors" in outcome.stdout


def test_the_token_tells_its_serial_number_and_counters(
    pcscd: dict[int, str], tool: Tool, make_card: Callable[..., VirtualCard]
) -> None:
    with in_reader(make_card("RSA-2048", kind="D")) as card:
        told = tool(*YKMAN, "info")
    assert told.returncode == 0, told.stderr
    assert "PIN tries remaining:      3/3" in told.stdout
    assert "PUK tries remaining:      3/3" in told.stdout
    assert card.persona.hsa_id in told.stdout
