"""`kortkiosk card`, every action on every kind of card: in-process, and through PC/SC beside the referees.

What is said of a card must be what others' programs read of it, field by field (virtual reader).
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from kiosk.cli import Exit, card, main
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.stories.foreign import estrange
from tests.sim.reader.referee import Tool, in_reader, runner

EC_PERSON = 6
NEW = "975318"
PRODUCT_KEYS = {
    "reader", "atr", "kind", "profile", "read_only", "serial", "card_number", "holder", "pins", "certificates", "findings",
    "exchange",
}  # fmt: skip
PIN_KEYS = {"id", "label", "role", "reference", "tries_left", "state", "min_length", "max_length"}
CERTIFICATE_KEYS = {
    "id", "label", "subject", "issuer", "serial", "not_before", "not_after", "purpose", "loa", "chain",
}  # fmt: skip
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(datetime.now(UTC))


@pytest.fixture(params="ABCD")
def virtual(authority: TestAuthority, request: pytest.FixtureRequest) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, datetime.now(UTC), kind=request.param)


@pytest.fixture
def say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, virtual: VirtualCard
) -> Run:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    codes = tmp_path / "codes.toml"
    codes.touch(mode=0o600)

    def run(action: str, *more: str, pin: str = virtual.persona.pin, new: str = NEW) -> tuple[int, Any]:
        codes.write_text(f'pin = "{pin}"\npuk = "{virtual.persona.puk}"\nnew_pin = "{new}"\n')
        file = () if action in ("show", "certificates") else ("--codes-file", str(codes))
        code = main(["card", action, "--json", *file, *more])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    ("kind", "trait", "why"), [("B", "pace", "pace"), ("D", "secure-messaging", "secure_messaging")]
)
def test_a_card_that_shows_nothing_is_named_by_what_it_wants(
    authority: TestAuthority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    kind: str, trait: str, why: str,
) -> None:  # fmt: skip
    slot = VirtualSlot("Desk 0")
    slot.insert(VirtualCard.create(person(EC_PERSON).new, authority, datetime.now(UTC), kind=kind, traits=(trait,)))
    monkeypatch.setattr(card, "PcscBackend", lambda: InProcessBackend([slot]))
    assert main(["card", "show", "--json"]) == Exit.REFUSED
    assert json.loads(capsys.readouterr().out)["why"] == why
    assert main(["card", "show"]) == Exit.REFUSED
    assert "which this program does not do" in capsys.readouterr().out


@pytest.fixture
def in_process(say: Run, virtual: VirtualCard, monkeypatch: pytest.MonkeyPatch) -> Run:
    slot = VirtualSlot("Desk 0")
    slot.insert(virtual)
    monkeypatch.setattr(card, "PcscBackend", lambda: InProcessBackend([slot]))
    return say


@pytest.fixture
def through_pcsc(say: Run, virtual: VirtualCard, pcscd: dict[int, str]) -> Iterator[Run]:
    with in_reader(virtual):
        yield lambda action, *more, **codes: say(action, "--reader", pcscd[min(pcscd)], *more, **codes)


@pytest.fixture
def referee(tmp_path: Path, pcscd: dict[int, str], virtual: VirtualCard) -> Tool:
    """Whoever else reads this kind: OpenSC for PKCS#15, Yubico's tool for PIV. Gives the process of one command."""
    run = runner(tmp_path)
    program = "pkcs15-tool" if virtual.kind in "AB" else "yubico-piv-tool"
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    words = (program,) if virtual.kind in "AB" else (program, "-r", pcscd[min(pcscd)])
    return lambda *more: run(*words, *more)


def all_actions(run: Run, virtual: VirtualCard) -> None:
    """Show, test, change, unblock and list, each with what it promises."""
    code, shown = run("show")
    assert (code, set(shown)) == (Exit.DONE, PRODUCT_KEYS)
    assert shown["kind"] == ("pkcs15" if virtual.kind in "AB" else "piv")
    assert shown["holder"] == {"name": virtual.persona.name, "hsa_id": virtual.persona.hsa_id}
    assert shown["card_number"] == virtual.persona.card_number
    assert all(set(pin) == PIN_KEYS for pin in shown["pins"])
    assert all(set(certificate) == CERTIFICATE_KEYS for certificate in shown["certificates"])
    assert run("change-pin")[1]["outcome"] == "accepted"
    assert run("unblock", new="864209")[1]["outcome"] == "accepted"
    code, tested = run("test", pin="864209")
    assert (code, tested["passed"]) == (Exit.DONE, True)
    assert [one["purpose"] for one in tested["tests"]] == ["identification", "signature"]
    code, listed = run("certificates", "--pem")
    assert code == Exit.DONE
    assert {c["id"] for c in shown["certificates"]} <= {c["id"] for c in listed["certificates"]}


@pytest.mark.parametrize("new", ["abcd73xy", "7319"])
def test_a_card_of_an_unknown_product_gets_no_letters_and_no_short_code(
    in_process: Run, virtual: VirtualCard, new: str
) -> None:
    estrange(virtual)
    before = virtual.codes.pin.value
    code, changed = in_process("change-pin", new=new)
    assert (code, changed["outcome"], changed["reason"]) == (Exit.REFUSED, "refused", "policy")
    assert virtual.codes.pin.value == before


def test_every_action_in_process(in_process: Run, virtual: VirtualCard) -> None:
    all_actions(in_process, virtual)


@pytest.mark.pcsc
def test_every_action_through_pcsc(through_pcsc: Run, virtual: VirtualCard) -> None:
    all_actions(through_pcsc, virtual)


def read_by(referee: Tool, kind: str, certificate: str) -> x509.Certificate:
    words = ("--read-certificate", certificate) if kind in "AB" else ("-a", "read-certificate", "-s", certificate)
    told: subprocess.CompletedProcess[str] = referee(*words)
    assert told.returncode == 0, told.stderr
    return x509.load_pem_x509_certificate(told.stdout.encode())


@pytest.mark.pcsc
def test_certificates_are_those_that_the_referee_reads(through_pcsc: Run, referee: Tool, virtual: VirtualCard) -> None:
    _, listed = through_pcsc("certificates", "--pem")
    assert len(listed["certificates"]) >= 2
    for ours in listed["certificates"]:
        theirs = read_by(referee, virtual.kind, ours["id"])
        assert x509.load_pem_x509_certificate(ours["pem"].encode()) == theirs
        assert ours["serial"] == f"{theirs.serial_number:X}"
        assert ours["not_before"] == theirs.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert ours["not_after"] == theirs.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert {str(part.value) for part in theirs.subject} == {
            part.partition("=")[2] for part in ours["subject"].split(", ")
        }
        assert ours["issuer"] == theirs.issuer.rfc4514_string().replace(",", ", ")


@pytest.mark.pcsc
def test_serial_references_and_tries_are_those_that_the_referee_reads(
    through_pcsc: Run, referee: Tool, virtual: VirtualCard
) -> None:
    assert through_pcsc("test", pin="111999")[1]["outcome"] == "wrong_code"
    _, shown = through_pcsc("show")
    pin, puk = ({p["role"]: p for p in shown["pins"]}[role] for role in ("identification", "puk"))
    if virtual.kind in "AB":
        dump: str = referee("--dump").stdout
        assert re.findall(r"Serial number +: (\w+)", dump) == [shown["serial"]]
        assert [int(n) for n in re.findall(r"Reference +: (\d+)", dump)] == [pin["reference"], puk["reference"]]
        assert re.findall(r"\n\tID +: (\w+)\n\tFlags", dump) == [pin["id"], puk["id"]]
        assert set(re.findall(r"X\.509.*?ID +: (\w+)", dump, re.DOTALL)) == {c["id"] for c in shown["certificates"]}
        told = [int(n) for n in re.findall(r"Tries left +: (\d+)", dump)]
        assert told == ([pin["tries_left"], puk["tries_left"]] if virtual.kind == "B" else [])
    else:
        status: str = referee("-a", "status").stdout
        assert re.findall(r"PIN tries left:\s*(\d+)", status) == [str(pin["tries_left"])]
        number = re.search(r"Serial Number:\s*(-?\d+)", status)
        whole = str(int(number.group(1)) % 2**32) if number else ""
        assert shown["serial"] == whole if virtual.kind == "D" else shown["serial"].lower() in status
        assert (pin["reference"], puk["reference"]) == (0x80, 0x81)
    assert pin["tries_left"] == virtual.tries_left[0]


@pytest.mark.pcsc
def test_a_code_that_was_set_here_opens_the_card_for_the_referee(
    through_pcsc: Run, referee: Tool, virtual: VirtualCard
) -> None:
    assert through_pcsc("change-pin")[0] == Exit.DONE
    words = ("--verify-pin", "--pin", NEW) if virtual.kind in "AB" else ("-a", "verify-pin", "-P", NEW)
    told = referee(*words)
    assert told.returncode == 0, told.stderr


@pytest.mark.pcsc
@pytest.mark.parametrize("virtual", ["D"], indirect=True)
def test_ykman_reads_the_same_of_a_token(through_pcsc: Run, tmp_path: Path, pcscd: dict[int, str]) -> None:
    if shutil.which("ykman") is None:
        pytest.skip("ykman is not installed")
    _, shown = through_pcsc("show")
    _, listed = through_pcsc("certificates")
    info = runner(tmp_path)("ykman", "--reader", pcscd[min(pcscd)], "piv", "info").stdout
    told = {serial.replace(":", "").lstrip("0").upper() for serial in re.findall(r"Serial:\s+([0-9a-f:]+)", info)}
    assert told == {c["serial"] for c in listed["certificates"]}
    tries = {pin["role"]: pin["tries_left"] for pin in shown["pins"]}
    assert re.findall(r"tries remaining:\s+(\d+)/", info) == [str(tries["identification"]), str(tries["puk"])]
