"""The simulated issuer over its own TLS and HTTP; OpenSSL is the second opinion on everything that is signed."""

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    ChallengeAsk,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    IssuedResult,
    LiftAsk,
    LiftedResult,
)
from fleet.messages.issuing import CardRecord, Offer
from fleet.server.issuer_adapters.est import EstIssuer
from fleet.server.issuer_adapters.rest import RestRegister
from fleet.server.issuer_adapters.revocation_status import PublishedStatus
from fleet.server.issuers.card_keys import CardKeys, HeldKey
from fleet.server.issuers.http_client import IssuerHttp
from fleet.server.issuers.ports import CertificateRequest, IssuerAwayError
from fleet.server.issuers.settings import IssuerSettings
from sim.issuer import BANNER
from sim.issuer.database import Seed
from sim.issuer.server import CARD_KEYS, RunningIssuer, SimulatorConfig, open_issuer
from sim.reader.administrative_key import answer_to, key_of
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, ANY_PORT, CARD, HOLDER, NOW, PUK, seed

WANTED = "2026-03-02T12:00:00Z"
OFFER = Offer("identification", 3, "2031-03-02")


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[RunningIssuer]:
    async with open_issuer(SimulatorConfig(tmp_path, ANY_PORT, ANY_PORT), lambda: NOW) as one:
        one.simulator.fill(seed())
        yield one


@pytest.fixture
async def http(issuer: RunningIssuer) -> AsyncIterator[IssuerHttp]:
    settings = IssuerSettings.load(issuer.settings)
    async with IssuerHttp(settings.link.secure, settings.tls()) as one:
        yield one


@pytest.fixture
async def public(issuer: RunningIssuer) -> AsyncIterator[IssuerHttp]:
    async with IssuerHttp(f"http://{issuer.public}") as one:
        yield one


def request(hsa_id: str = HOLDER.hsa_id) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, hsa_id)])
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )


async def issued(http: IssuerHttp) -> x509.Certificate:
    said = await EstIssuer(http).certificate(CertificateRequest(request(), OFFER, CARD, HOLDER.hsa_id))
    assert isinstance(said, IssuedResult)
    return x509.load_der_x509_certificate(base64.b64decode(said.chain[0]))


def wish(number: int) -> str:
    return f"{number:032x}"


def block(number: int = 1) -> BlockAsk:
    return BlockAsk(id=wish(number), card_number=CARD, reason="lost", wanted=WANTED)


def hold(number: int = 2) -> HoldAsk:
    return HoldAsk(id=wish(number), card_number=CARD, reason="forgotten", wanted=WANTED)


def lift(number: int = 3) -> LiftAsk:
    return LiftAsk(id=wish(number), card_number=CARD)


async def openssl(*arguments: Any, given: bytes = b"") -> str:
    """What OpenSSL says. It must end well."""
    done = await asyncio.to_thread(
        subprocess.run, ["openssl", *map(str, arguments)], input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


async def test_openssl_reads_and_trusts_what_est_gives(issuer: RunningIssuer, http: IssuerHttp, tmp_path: Path) -> None:
    reply = await http.get("/.well-known/est/cacerts")
    said = await openssl("pkcs7", "-inform", "DER", "-print_certs", "-noout", given=base64.b64decode(reply.content))
    assert [line for line in said.splitlines() if "SIMULATOR Root CA" in line]
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes((await issued(http)).public_bytes(Encoding.PEM))
    files = ("-CAfile", tmp_path / "anchors.pem", "-untrusted", tmp_path / "authorities.pem")
    when = int(NOW.timestamp())
    assert "OK" in await openssl("verify", "-x509_strict", "-attime", when, *files, leaf)


async def test_openssl_asks_the_responder_through_the_life_of_a_card(
    issuer: RunningIssuer, http: IssuerHttp, public: IssuerHttp, tmp_path: Path
) -> None:
    certificate = await issued(http)
    (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "3.pem").write_bytes(issuer.simulator.hierarchy.issuers[3].pem)
    register = RestRegister(http)

    async def status() -> str:
        files = ("-issuer", tmp_path / "3.pem", "-cert", tmp_path / "leaf.pem", "-CAfile", tmp_path / "anchors.pem")
        said = await openssl(
            "ocsp", *files, "-url", f"http://{issuer.public}/ocsp", "-verify_other", tmp_path / "3.pem", "-trust_other",
            "-validity_period", 10**9,
        )  # fmt: skip
        assert "Response verify OK" in said
        return said

    assert "leaf.pem: good" in await status()
    assert await register.hold(hold(), "") == HeldResult("active")
    assert "Reason: certificateHold" in await status()
    assert await register.lift(lift(), HOLDER.hsa_id) == LiftedResult("active")
    assert "leaf.pem: good" in await status()
    assert await register.block(block(), HOLDER.hsa_id) == BlockedResult(WANTED)
    assert "leaf.pem: revoked" in await status()
    assert await register.lift(lift(9), HOLDER.hsa_id) == DeclinedResult("not_held")
    assert await register.hold(hold(10), "") == DeclinedResult("card_blocked")
    ours = PublishedStatus(public, (), "/ocsp", ())
    above = issuer.simulator.hierarchy.issuers[3].certificate
    assert await ours.standing(certificate, above, NOW) == "revoked"
    assert await ours.standing(certificate, issuer.simulator.hierarchy.issuers[2].certificate, NOW) == "unknown"


async def test_openssl_reads_the_list(
    issuer: RunningIssuer, http: IssuerHttp, public: IssuerHttp, tmp_path: Path
) -> None:
    certificate = await issued(http)
    assert await RestRegister(http).hold(hold(), "") == HeldResult("active")
    authorities = IssuerSettings.load(issuer.settings).certificates_of("authorities.pem")
    (der, _) = await PublishedStatus(public, ("/crl/3.crl", "/crl/2.crl"), "/ocsp", authorities).lists()
    (tmp_path / "3.pem").write_bytes(issuer.simulator.hierarchy.issuers[3].pem)
    said = await openssl("crl", "-inform", "DER", "-noout", "-text", "-CAfile", tmp_path / "3.pem", given=der)
    assert "verify OK" in said
    assert f"{certificate.serial_number:X}" in said
    assert "Certificate Hold" in said
    with pytest.raises(IssuerAwayError, match="no issuer of ours"):
        await PublishedStatus(public, ("/crl/3.crl",), "/ocsp", authorities[1:]).lists()


async def test_what_was_done_is_known_after_a_restart(tmp_path: Path) -> None:
    config = SimulatorConfig(tmp_path, ANY_PORT, ANY_PORT)
    asked, said = request(), []
    for round_ in range(2):
        async with open_issuer(config, lambda: NOW) as one:
            if round_ == 0:
                one.simulator.fill(seed())
            settings = IssuerSettings.load(one.settings)
            async with IssuerHttp(settings.link.secure, settings.tls()) as http:
                enrolled = await EstIssuer(http).certificate(CertificateRequest(asked, OFFER, CARD, HOLDER.hsa_id))
                said.append(
                    (enrolled, await RestRegister(http).hold(hold(), ""), await RestRegister(http).hold(hold(7), ""))
                )
    assert isinstance(said[0][0], IssuedResult)
    assert said[0] == said[1]


async def test_one_id_stands_for_one_change(http: IssuerHttp) -> None:
    register = RestRegister(http)
    assert await register.hold(hold(5), "") == HeldResult("active")
    with pytest.raises(IssuerAwayError, match="422"):
        await register.lift(lift(5), HOLDER.hsa_id)


NO_REQUESTS = {
    "no request": ("identification-3", b"bm8gcmVxdWVzdA=="),
    "no base64": ("identification-3", b"!!!!"),
    "no such level": ("identification-9", base64.b64encode(request())),
    "no such label": ("nothing", base64.b64encode(request())),
    "no reserve card": ("reserve-2", base64.b64encode(request())),
    "another level": ("identification-2", base64.b64encode(request())),
    "no such person": ("identification-3", base64.b64encode(request("TEST000000-0099"))),
    "not signed by its key": ("identification-3", base64.b64encode(request()[:-1] + b"\x00")),
    "too long": ("identification-3", b"A" * 20_000),
}


async def test_est_refuses_what_is_no_request_of_a_card(http: IssuerHttp) -> None:
    for story, (label, body) in NO_REQUESTS.items():
        reply = await http.post(f"/.well-known/est/{label}/simpleenroll", body, {"Content-Type": "application/pkcs10"})
        assert reply.status == 400, story
        assert reply.content.decode().startswith(BANNER), story


async def test_it_says_everywhere_that_it_is_a_simulator(
    issuer: RunningIssuer, http: IssuerHttp, public: IssuerHttp
) -> None:
    replies = [
        await http.get("/.well-known/est/cacerts"),
        await http.get("/api/v1/openapi.json"),
        await http.get(f"/api/v1/directory?card_number={CARD}"),
        await http.get("/api/v1/directory?card_number=0000"),
        *[await public.get(path) for path in ("/", "/audit", "/crl/3.crl", "/nothing")],
        await public.post("/ocsp", b"no question", {"Content-Type": "application/ocsp-request"}),
    ]
    assert [reply.headers.get("X-Simulator") for reply in replies] == [BANNER] * len(replies)
    for page in (replies[4], replies[5]):
        assert BANNER in page.content.decode()
        assert PUK not in page.content.decode()


async def test_without_our_certificate_nobody_gets_in(issuer: RunningIssuer) -> None:
    settings = IssuerSettings.load(issuer.settings)
    nobody = ssl.create_default_context(cafile=str(settings.base / settings.link.ca))
    async with IssuerHttp(settings.link.secure, nobody) as http:
        with pytest.raises(IssuerAwayError):
            await http.get("/.well-known/est/cacerts")


async def change(http: IssuerHttp, what: str, body: Any, number: int, card: str = CARD) -> tuple[int, Any]:
    """Status and body of a change, as any client sends it."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": wish(number)}
    reply = await http.post(f"/api/v1/cards/{card}/{what}", json.dumps(body).encode(), headers)
    return reply.status, json.loads(reply.content)


async def test_a_card_that_was_handed_over_is_in_use(issuer: RunningIssuer, http: IssuerHttp) -> None:
    new = CardRecord(HOLDER.new.card_number, HOLDER.hsa_id, "601", "waiting", activate_by="2026-05-31")
    issuer.simulator.fill(Seed(cards=(new,)))
    told = {"hsa_id": HOLDER.hsa_id, "by": [ADMINISTRATOR.hsa_id], "handed_over": WANTED, "receipt": "8ZH4-BGDB-XRH3C"}
    said = [await change(http, "received", told, number, new.card_number) for number in (11, 11, 12)]
    assert said == [(200, {"outcome": "received", "state": "active"})] * 3
    found = await RestRegister(http).find("", new.card_number)
    assert found is not None
    assert found.cards == (CardRecord(new.card_number, HOLDER.hsa_id, "601", "active"),)
    other = {**told, "hsa_id": ADMINISTRATOR.hsa_id}
    assert await change(http, "received", other, 13, new.card_number) == (
        409, {"outcome": "declined", "reason": "unknown_card"},
    )  # fmt: skip


async def test_a_hold_outlasts_the_hand_over_and_a_block_forbids_it(issuer: RunningIssuer, http: IssuerHttp) -> None:
    new = CardRecord(HOLDER.new.card_number, HOLDER.hsa_id, "601", "waiting")
    issuer.simulator.fill(Seed(cards=(new,)))
    told = {"hsa_id": HOLDER.hsa_id, "by": [], "handed_over": WANTED}
    await change(http, "hold", {"reason": "lost", "by": "", "wanted": WANTED}, 21, new.card_number)
    assert (await change(http, "received", told, 22, new.card_number))[1]["state"] == "held"
    assert (await change(http, "lift", {"by": HOLDER.hsa_id}, 23, new.card_number))[1]["state"] == "active"
    await change(http, "block", {"reason": "lost", "by": HOLDER.hsa_id, "wanted": WANTED}, 24, new.card_number)
    assert (await change(http, "received", told, 25, new.card_number))[1]["reason"] == "card_blocked"


async def test_a_challenge_is_answered_under_the_card_s_own_key(tmp_path: Path) -> None:
    key, block_ = bytes(range(24)), bytes(8)
    held = [{"algorithm": "3DES", "key": base64.b64encode(key).decode()}]
    (tmp_path / CARD_KEYS).write_text(json.dumps({"unblock": {CARD: held}}))
    asked = {"key": "unblock", "challenge": block_.hex(), "people": [HOLDER.hsa_id], "hsa_id": HOLDER.hsa_id}
    async with open_issuer(SimulatorConfig(tmp_path, ANY_PORT, ANY_PORT), lambda: NOW) as one:
        one.simulator.fill(seed())
        settings = IssuerSettings.load(one.settings)
        async with IssuerHttp(settings.link.secure, settings.tls()) as http:
            alone = await change(http, "challenge", asked, 31)
            attended = {**asked, "people": [HOLDER.hsa_id, ADMINISTRATOR.hsa_id]}
            answered = await change(http, "challenge", attended, 32)
            no_key = await change(http, "challenge", {**attended, "key": "management"}, 33)
            ours = ChallengeAsk(id=wish(34), card_number=CARD, key="unblock", challenge=block_.hex(), serial="98AB")
            people = (HOLDER.hsa_id, ADMINISTRATOR.hsa_id)
            by_adapter = await RestRegister(http).answer_challenge(ours, people)
            unknown = ChallengeAsk(id=wish(35), card_number="NOCARD", key="unblock", challenge=block_.hex())
            nothing = await RestRegister(http).answer_challenge(unknown, people)
    assert alone == (409, {"outcome": "declined", "reason": "administrators_missing"})
    enciphered = await openssl("enc", "-des-ede3", "-K", key.hex(), "-nopad", "-a", given=block_)
    assert answered == (200, {"outcome": "answered", "response": base64.b64decode(enciphered).hex()})
    assert no_key[1]["reason"] == "no_key"
    assert by_adapter == AnsweredResult(answered[1]["response"])
    assert nothing == DeclinedResult("no_key")


async def in_portal(public: IssuerHttp, **fields: str) -> tuple[int, str]:
    """What a person reads there after a button: status and answer."""
    form = urlencode({"who": ADMINISTRATOR.hsa_id, "card": CARD, **fields}).encode()
    reply = await public.post("/portal", form, {"Content-Type": "application/x-www-form-urlencoded"})
    page = reply.content.decode()
    assert BANNER in page
    return reply.status, page.partition('<p id="answer">')[2].partition("<")[0]


async def test_a_person_reads_the_response_to_a_challenge_in_the_portal(
    tmp_path: Path, issuer: RunningIssuer, public: IssuerHttp
) -> None:
    key = HeldKey("AES-256", key_of(HOLDER.old.serial), HOLDER.old.serial)
    issuer.simulator.keys = CardKeys({("unblock", CARD): [key]})
    assert 'name="challenge"' in (await public.get("/portal")).content.decode()
    typed = "0F3A 91C4 D27B 60E8 355C 19AF 8842 B6D0"
    right = answer_to(bytes.fromhex(typed), key_of(HOLDER.old.serial)).hex().upper()
    assert await in_portal(public, do="challenge", challenge=typed) == (200, right)
    assert await in_portal(public, do="challenge", challenge="0F3A") == (
        400, "challenge: String should match pattern &#x27;^([0-9a-f]{16}|[0-9a-f]{32})$&#x27;",
    )  # fmt: skip
    assert await in_portal(public, do="challenge", challenge=typed, who=HOLDER.hsa_id) == (
        409,
        "administrators_missing",
    )
    assert await in_portal(public, do="challenge", challenge=typed, card="0000") == (404, "There is no such card.")
    assert (await in_portal(public))[0] == 400


async def test_the_portal_shows_a_puk_once_and_nothing_of_a_card_that_is_blocked_there(public: IssuerHttp) -> None:
    assert await in_portal(public, do="puk") == (200, PUK)
    assert await in_portal(public, do="puk") == (409, "no_puk")
    assert await in_portal(public, do="block") == (200, "Blocked.")
    assert await in_portal(public, do="puk") == (409, "card_blocked")
    audit = (await public.get("/audit")).content.decode()
    assert [f"<td>portal {what}</td>" in audit for what in ("puk", "block")] == [True, True]
    assert PUK not in audit
