"""`kortkiosk card` with issuers, revocation and product profiles, as a person at a desk uses them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader import MemoryLedger, ReaderSettings, open_card
from drivers.reader.certificates.revocation import http
from drivers.reader.certificates.revocation.fetching import FetchError
from drivers.reader.profiles import builtin
from drivers.reader.profiles.signed import sign
from kiosk.cli import Exit, card, main
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.revocation import TestRevocation
from sim.reader.slot import VirtualSlot

EC_PERSON = 6
NOW = datetime.now(UTC)
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


@pytest.fixture(scope="module")
def anchors(authority: TestAuthority, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("anchors")
    authority.save(folder)
    return str(folder)


@pytest.fixture
def virtual(authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW)


@pytest.fixture
def run(
    virtual: VirtualCard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    slot = VirtualSlot("Desk 0")
    slot.insert(virtual)
    monkeypatch.setattr(card, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["card", *arguments])
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in arguments else said.out + said.err

    return run


def held(virtual: VirtualCard) -> list[x509.Certificate]:
    return [key.certificate for key in virtual.keys]


@pytest.fixture
def lists(authority: TestAuthority, tmp_path: Path) -> Callable[..., str]:
    def write(*revoked: x509.Certificate) -> str:
        desk, folder = TestRevocation(authority), tmp_path / "lists"
        folder.mkdir(exist_ok=True)
        (folder / "issuer.crl").write_bytes(desk.crl(3, NOW, revoked))
        (folder / "root.crl").write_bytes(desk.crl(None, NOW))
        (folder / "readme.txt").write_text("not a list")
        return str(folder)

    return write


def test_a_card_that_is_on_the_list_is_said_to_be_blocked(
    run: Run, virtual: VirtualCard, anchors: str, lists: Callable[..., str]
) -> None:
    code, document = run(
        "certificates", "--json", "--anchors", anchors, "--revocation", lists(*held(virtual)), "--require-revocation"
    )
    assert code == Exit.DONE
    ours = [c for c in document["certificates"] if c["purpose"] != "other"]
    assert {(c["chain"], c["revocation"]) for c in ours} == {("revoked", "revoked")}
    assert {f["code"] for f in document["findings"]} == {"certificate_revoked"}
    _, text = run("certificates", "--anchors", anchors, "--revocation", lists())
    assert "chain ok" in text
    assert "revocation good" in text
    assert "by CN=TEST SITHS e-id Person HSA-id 3 CA v1" in text or "TEST SITHS e-id Person HSA-id 3 CA v1" in text


def test_who_demands_to_know_trusts_nothing_unknown(run: Run, anchors: str) -> None:
    _, document = run("certificates", "--json", "--anchors", anchors)
    assert {c["chain"] for c in document["certificates"] if c["purpose"] != "other"} == {"ok"}
    _, document = run("certificates", "--json", "--anchors", anchors, "--require-revocation")
    assert {c["chain"] for c in document["certificates"] if c["purpose"] != "other"} == {"unchecked"}


def test_only_online_asks_the_network_and_a_failure_is_told(
    run: Run, anchors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(url: str, *_rest: object) -> bytes:
        asked.append(url)
        raise FetchError(f"{url}: no network")

    monkeypatch.setattr(http, "fetch", fetch)
    run("certificates", "--json", "--anchors", anchors)
    assert not asked
    code, document = run("certificates", "--json", "--anchors", anchors, "--online")
    assert code == Exit.DONE
    assert document["not_fetched"] == [f"{url}: no network" for url in asked]
    assert {c["revocation"] for c in document["certificates"]} == {"unknown"}


def test_another_issuers_card_is_named_as_such(run: Run, tmp_path: Path) -> None:
    TestAuthority.create(NOW).save(tmp_path / "other")
    _, document = run("certificates", "--json", "--anchors", str(tmp_path / "other"))
    (finding, *_) = document["findings"]
    assert finding["code"] == "chain_untrusted"
    assert "TEST SITHS e-id Person HSA-id 3 CA v1" in finding["text"]


@pytest.mark.parametrize("days", [20, 40])
def test_a_certificate_that_ends_within_a_month_is_said_to_expire_soon(
    run: Run, monkeypatch: pytest.MonkeyPatch, virtual: VirtualCard, days: int
) -> None:
    end = held(virtual)[0].not_valid_after_utc
    monkeypatch.setattr(card, "utc_now", lambda: end - timedelta(days=days))
    _, document = run("certificates", "--json")
    soon = [f for f in document["findings"] if f["code"] == "certificate_expires_soon"]
    assert bool(soon) is (days < 30)
    assert all(f["errand"] == "renew_certificate" for f in soon)


@pytest.fixture
def signed(tmp_path: Path, virtual: VirtualCard) -> Callable[[str], tuple[str, str]]:
    """Folder and key file, with a draft of this very card in it, changed as asked."""
    key = ed25519.Ed25519PrivateKey.generate()

    def write(by: str) -> tuple[str, str]:
        slot = VirtualSlot("Desk 1")
        slot.insert(virtual)
        settings = ReaderSettings(profiles=builtin().quiet(), ledger=MemoryLedger())
        with open_card(backend=InProcessBackend([slot]), settings=settings) as opened:
            draft = opened.draft_profile()
        content = (
            draft.replace('by = { value = "nobody"', f'by = {{ value = "{by}"')
            .replace("rank = 10", "rank = 50")
            .replace('value = "standard"', 'value = "card"')
            .encode()
        )
        folder = tmp_path / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / "product.toml").write_bytes(content)
        (folder / "product.toml.jws").write_text(sign(content, key))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "keys.pem").write_bytes(public)
        return str(folder), str(tmp_path / "keys.pem")

    return write


def test_a_signed_profile_takes_the_card_and_a_bad_one_is_told(
    run: Run, signed: Callable[[str], tuple[str, str]]
) -> None:
    folder, keys = signed("administrator")
    options = ("--profiles", folder, "--profile-keys", keys)
    _, document = run("show", "--json", *options)
    assert document["profile"].startswith("draft-")
    code, document = run("unblock", "--json", *options)
    assert (code, document["reason"]) == (Exit.REFUSED, "not_allowed")
    (Path(folder) / "product.toml").write_text("changed")
    code, text = run("show", *options)
    assert code == Exit.DONE
    assert "profile refused: product.toml: signature: is not over this content" in text
    assert "virtual-b" in text


@pytest.mark.parametrize(
    "options",
    [
        ("--profiles", "gone"),
        ("--profiles", "gone", "--profile-keys", "gone.pem"),
        ("--revocation", "gone"),
        ("--anchors", "gone"),
    ],
)
def test_what_is_not_there_is_told(run: Run, options: tuple[str, ...]) -> None:
    code, document = run("show", "--json", *options)
    assert code == Exit.BAD_INPUT
    assert document["error"] == "Input"
