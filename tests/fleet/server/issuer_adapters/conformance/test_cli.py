"""`kortkiosk-fleet issuer-check` against the simulated issuer over its own TLS, EST, OCSP and lists; and faults there."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server import cli
from fleet.server.issuer_adapters.conformance.cli import issuer_at
from fleet.server.issuer_adapters.conformance.settings import CheckCards
from fleet.server.issuer_adapters.conformance.suite import Suite
from fleet.server.issuers.settings import IssuerSettings
from sim.issuer import enrollment
from sim.issuer.authority import CertificateHierarchy
from sim.issuer.core import Simulator
from sim.issuer.database import Seed
from sim.issuer.est_and_rest import secure_app
from sim.issuer.public_pages import public_app
from sim.issuer.server import CARD_KEYS, RunningIssuer, SimulatorConfig, open_issuer
from tests.fakes.issuers.asgi_http import AsgiHttp
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, ANY_PORT, HOLDER, PUK

WAITING, ACTIVE = "KIT1", "KIT2"
ORDERS = (
    "order,hsa_id,name,protected,card_number,product,loa,station,slot,last_day,envelope_key,envelope_mac\n"
    f"O-1,{HOLDER.hsa_id},Anna Ek,no,{WAITING},601,3,entre-a,,2036-06-30,,\n"
)
CARDS = f"""
administrator = "{ADMINISTRATOR.hsa_id}"

[[card]]
number = "{WAITING}"
hsa_id = "{HOLDER.hsa_id}"
may = ["hold", "received"]
ordered = true

[[card]]
number = "{ACTIVE}"
hsa_id = "{HOLDER.hsa_id}"
may = ["hold", "letter", "challenge", "puk", "renew", "block"]
certificate = "present.pem"
"""


@asynccontextmanager
async def simulator(folder: Path) -> AsyncIterator[RunningIssuer]:
    """With a waiting card and one in use, whose certificate it issued; and the operator's file beside it."""
    held = [{"algorithm": "3DES", "key": base64.b64encode(bytes(range(24))).decode()}]
    (folder / CARD_KEYS).write_text(json.dumps({"unblock": {ACTIVE: held}}))
    async with open_issuer(SimulatorConfig(folder, ANY_PORT, ANY_PORT), lambda: datetime.now(UTC)) as running:
        person = HOLDER.hsa_id
        cards = (CardRecord(WAITING, person, "601", "waiting"), CardRecord(ACTIVE, person, "601", "active"))
        present = certificate_of(running.simulator, person)
        certificates = {ACTIVE: (base64.b64encode(present.public_bytes(Encoding.DER)).decode(),)}
        people = (DirectoryPerson(person, HOLDER.name),)
        running.simulator.fill(Seed(people, cards, {ACTIVE: PUK}, certificates, ORDERS))
        (folder / "present.pem").write_bytes(present.public_bytes(Encoding.PEM))
        (folder / "cards.toml").write_text(CARDS)
        yield running


def certificate_of(one: Simulator, hsa_id: str) -> x509.Certificate:
    oid, terms = x509.oid.NameOID, one.terms()
    subject = x509.Name([x509.NameAttribute(oid.COMMON_NAME, "ANNA"), x509.NameAttribute(oid.SERIAL_NUMBER, hsa_id)])
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return one.hierarchy.issue(3, key, subject, (terms.now, terms.now.replace(year=terms.now.year + 1)), [])


async def failed(one: Simulator, settings: Path, cards: CheckCards) -> set[str]:
    """In one process, without TLS."""
    secure, public = AsgiHttp(secure_app(one)), AsgiHttp(public_app(one))
    issuer = issuer_at(secure, public, IssuerSettings.load(settings), cards.administrator, one.clock)  # type: ignore[arg-type]
    return {result.check for result in await Suite(issuer, cards).run() if result.outcome == "failed"}


async def test_the_simulated_issuer_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with simulator(tmp_path) as running:
        argv = ["issuer-check", f"https://{running.secure}", "--issuer", str(running.settings)]
        argv += ["--cards", str(tmp_path / "cards.toml")]
        code = await asyncio.to_thread(cli.main, [*argv, "--json"])
        told = json.loads(capsys.readouterr().out)
        assert [one for one in told["checks"] if one["outcome"] != "passed"] == []
        assert (code, told["ok"], told["failed"], told["skipped"]) == (0, True, 0, 0)
        names = {one["check"] for one in told["checks"]}
        assert {"TLS certificate wanted", "renew from active", "renew from held", "published as revoked"} <= names
        assert PUK not in json.dumps(told)
        again = await asyncio.to_thread(cli.main, argv)
    lines = capsys.readouterr().out.splitlines()
    assert again == 3
    renewed = next(line for line in lines if line.startswith("renew from active"))
    assert renewed.split()[3:5] == [ACTIVE, "failed"]
    assert lines[-1].endswith("failed, 0 skipped")


async def test_an_issuer_that_does_not_answer_is_named_and_a_wrong_file_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulator(tmp_path) as running:
        settings, where = str(running.settings), f"https://{running.secure}"
    argv = ["issuer-check", where, "--issuer", settings, "--cards", str(tmp_path / "cards.toml")]
    assert await asyncio.to_thread(cli.main, argv) == 4
    assert "the issuer does not answer" in capsys.readouterr().err
    (tmp_path / "cards.toml").write_text('administrator = "nobody"')
    assert await asyncio.to_thread(cli.main, argv) == 2
    assert "cards.toml: administrator" in capsys.readouterr().err


def give_another_key(patch: Any) -> None:
    right = CertificateHierarchy.issue
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    patch.setattr(CertificateHierarchy, "issue", lambda self, loa, _, *told: right(self, loa, key, *told))


def outlive_everything(patch: Any) -> None:
    right = CertificateHierarchy.issue

    def issue(self: Any, loa: int, key: Any, subject: Any, validity: Any, extensions: Any) -> Any:
        return right(self, loa, key, subject, (validity[0], validity[1].replace(year=2060)), extensions)

    patch.setattr(CertificateHierarchy, "issue", issue)


def renew_what_is_held(patch: Any) -> None:
    right = enrollment.offers_of
    patch.setattr(
        enrollment, "offers_of",
        lambda person, card, *rest: right(person, CardRecord(card.card_number, card.hsa_id, "601", "active"), *rest),
    )  # fmt: skip


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "another key": (give_another_key, "renew from active"),
    "a certificate without end": (outlive_everything, "renew from active"),
    "any subject": (lambda patch: patch.setattr(enrollment, "_has_subject", lambda *_: True), "renew for another subject"),
    "a card on hold": (renew_what_is_held, "renew from held"),
    "no lists of what is held": (lambda patch: patch.setattr(Simulator, "crl", empty_list), "published as suspended"),
    "a responder that knows nobody": (
        lambda patch: patch.setattr(Simulator, "ocsp_answer", knows_nobody), "published as good",
    ),
}  # fmt: skip


def empty_list(one: Simulator, loa: int) -> bytes:
    return one.hierarchy.crl(loa, [], 1, one.clock().replace(microsecond=0))


def knows_nobody(one: Simulator, question: bytes) -> bytes:
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    return refusal.public_bytes(Encoding.DER)


async def test_an_issuer_that_renews_or_publishes_wrongly_is_found_by_name(tmp_path: Path) -> None:
    async with simulator(tmp_path) as running:
        one, cards = running.simulator, CheckCards.load(tmp_path / "cards.toml")
        only = cards.model_copy(update={"card": (cards.card[1].model_copy(update={"may": ("hold", "renew")}),)})
        assert await failed(one, running.settings, only) == set()
        found = {}
        for story, (plant, name) in WRONG.items():
            with pytest.MonkeyPatch.context() as patch:
                plant(patch)
                found[story] = name in await failed(one, running.settings, only)
    assert found == dict.fromkeys(WRONG, True)
