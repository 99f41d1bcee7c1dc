"""The referee: OpenSC's own tools, through PC/SC and vpcd, take the virtual card for a card of its kind."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.personas import PIN, person
from drivers.reader.virtual.vpcd import FIRST_PORT, Plug, plug

pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed"),
]

PUK = person(1).new.puk
NEW = "975310"
WRONG = "000000"
Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def opensc(tmp_path: Path, pcscd: dict[int, str]) -> Tool:
    """Run one tool on the first virtual reader, with OpenSC's file cache off."""
    configuration = tmp_path / "opensc.conf"
    configuration.write_text("app default { framework pkcs15 { use_file_caching = no; } }\n")
    environment = {**os.environ, "OPENSC_CONF": str(configuration), "LC_ALL": "C"}

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(params=["RSA-2048", "EC-P256"])
def plugged(
    request: pytest.FixtureRequest, pcscd: dict[int, str], make_card: Callable[..., VirtualCard]
) -> Iterator[VirtualCard]:
    card = make_card(request.param)
    with plug(card, port=FIRST_PORT) as connection:
        wait_until_seen(connection)
        yield card
    wait_until_gone()


def wait_until_seen(plugged: Plug) -> None:
    """The service looks at its readers now and then; a process of its own asks it, and waits."""
    assert not plugged.ended.is_set()
    run_watcher("present")


def wait_until_gone() -> None:
    run_watcher("empty")


def run_watcher(state: str) -> None:
    script = f"""
        from smartcard.scard import *
        _, context = SCardEstablishContext(SCARD_SCOPE_USER)
        known, wanted = SCARD_STATE_UNAWARE, SCARD_STATE_{state.upper()}
        for _ in range(20):
            _, states = SCardGetStatusChange(context, 1000, [("Virtual PCD 00 00", known)])
            known = states[0][1]
            if known & wanted:
                raise SystemExit(0)
        raise SystemExit(1)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)


def test_the_tools_name_the_card_and_list_what_is_on_it(plugged: VirtualCard, opensc: Tool) -> None:
    named = opensc("opensc-tool", "-n", "-a")
    assert named.returncode == 0, named.stderr
    assert plugged.atr.hex(":") in named.stdout
    assert "MyEID" in named.stdout
    dump = opensc("pkcs15-tool", "--dump")
    assert dump.returncode == 0, dump.stderr
    assert re.findall(r"X\.509 Certificate \[(\w+)\]", dump.stdout) == ["Legitimering", "Underskrift"]
    assert f"Serial number  : {plugged.persona.serial}" in dump.stdout
    assert dump.stdout.count("Private ") == 2
    assert re.findall(r"Tries left +: (\d+)", dump.stdout) == ["3", "10"]


def test_a_right_and_a_wrong_pin(plugged: VirtualCard, opensc: Tool) -> None:
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", PIN).returncode == 0
    wrong = opensc("pkcs15-tool", "--verify-pin", "--pin", WRONG)
    assert wrong.returncode != 0
    assert "incorrect" in wrong.stderr
    assert plugged.tries_left == (2, 10)


def test_the_holder_changes_the_pin(plugged: VirtualCard, opensc: Tool) -> None:
    assert opensc("pkcs15-tool", "--change-pin", "--pin", PIN, "--new-pin", NEW).returncode == 0
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", NEW).returncode == 0


def test_a_locked_card_is_unlocked_with_the_letter(plugged: VirtualCard, opensc: Tool) -> None:
    for _ in range(3):
        last = opensc("pkcs15-tool", "--verify-pin", "--pin", WRONG)
    assert "blocked" in last.stderr
    assert opensc("pkcs15-tool", "--unblock-pin", "--puk", "00000000", "--new-pin", NEW).returncode != 0
    assert plugged.tries_left == (0, 9)
    assert opensc("pkcs15-tool", "--unblock-pin", "--puk", PUK, "--new-pin", NEW).returncode == 0
    assert opensc("pkcs15-tool", "--verify-pin", "--pin", NEW).returncode == 0
    assert plugged.tries_left == (3, 10)


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
