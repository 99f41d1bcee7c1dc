"""What more than one attack does: ask for an act, tell of a hand-over, attend, claim the name of a station (EST, RFC 7030)."""

import base64
import uuid
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from tests.attacks.running.browser import Browser
from tests.attacks.running.cards import Card, Mandate, certificate_request
from tests.attacks.running.station import Station
from tests.attacks.running.wire import b64, now_text
from tests.attacks.running.world import World

EVERYTHING = tuple(
    f"{tag} *"
    for tag in (
        "administrator.login", "administrator.worklist", "directory.find", "card.puk", "card.block", "card.hold",
        "card.lift", "card.letter", "card.challenge", "certificate.request",
    )
)  # fmt: skip


def reply_key() -> str:
    return b64(X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def renew(station: Station, mandate: Mandate, card: Card, key: ec.EllipticCurvePrivateKey, profile: str) -> Any:
    """Ask for a certificate for any key; the card signs the request."""
    request = certificate_request(key, card)
    about = {"card_number": card.number, "hsa_id": card.hsa_id, "profile": profile, "loa": 3, "request": b64(request)}
    proof = {"current": b64(card.der), "proof": b64(card.sign(request)), "algorithm": "ES256"}
    return station.want("certificate.request", mandate, **about, **proof)


def block(station: Station, mandate: Mandate, number: str, **more: str) -> Any:
    return station.want("card.block", mandate, card_number=number, reason="lost", wanted=now_text(), **more)


def is_of(world: World, number: str, key: ec.EllipticCurvePrivateKey) -> bool:
    """Whether the issuer has made a certificate of that key for that card."""
    return any(made.public_key() == key.public_key() for made in world.certificates(number))


def hold(station: Station, number: str, reason: str = "stolen") -> str:
    told = station.want("card.hold", card_number=number, reason=reason, wanted=now_text())
    return str(told["outcome"])


ATTESTED = {"logged_in_by": "server", "document": "passport", "document_digits": "4711"}


def hand_over(station: Station, order: str, number: str, administrator: str, kind: str = "activate") -> None:
    """Six events of an errand that never was."""
    errand, about = str(uuid.uuid4()), f"order/{order}"
    station.tell("errand.started", {"errand": errand, "kind": kind})
    attested = {"errand": errand, "order": order, "administrator": administrator, **ATTESTED}
    station.tell("identity.attested", attested, about)
    taken = {"errand": errand, "order": order, "effect": "slot.take", "outcome": "taken", "slot": 1}
    station.tell("effect.done", taken, about)
    station.tell("card.activated", {"errand": errand, "order": order, "card_number": number}, about)
    receipt = {"number": f"AAAA-BBBB-{errand[:5].upper()}", "receipt": {"made": "up"}, "signed": "attested"}
    station.tell("receipt.issued", {"errand": errand, "order": order, "card_number": number, **receipt}, about)
    ended = {"errand": errand, "kind": kind, "outcome": "done", "seconds": 40.0, "order": order, "card_number": number}
    station.tell("errand.ended", ended, about)


LISTED = {"name": "Me Myself", "roles": ["KRA", "KUR"], "level": 3, "scope": ["*"]}


def attends(world: World, card: Card) -> bool:
    """Whether that person's card is an ID administrator's now, at a station."""
    with world.station() as station:
        mandate = station.mandate(card, "administrator.login *", f"administrator.login {card.hsa_id}")
        return station.want("administrator.login", mandate)["outcome"] == "logged_in"


class Claim:
    """A claim of a station's name, and the key of whoever wants to be that station."""

    def __init__(self, world: World, browser: Browser, name: str) -> None:
        self.world, self.name = world, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        answer = browser.api("POST", "/enrolments", {"station": name})
        self.code = str(answer.json().get("code", "")) if answer.status_code == 201 else ""
        self.chain: list[x509.Certificate] = []

    def enrol(self, key: ec.EllipticCurvePrivateKey | None = None) -> bool:
        """Whether EST (RFC 7030 4.2) gives a certificate for the key."""
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key or self.key, hashes.SHA256())
        )
        context = self.world.tls()
        answer = httpx.post(
            f"https://localhost:{self.world.est}/.well-known/est/simpleenroll",
            content=base64.encodebytes(request.public_bytes(Encoding.DER)), verify=context, timeout=30, trust_env=False,
            headers={"Content-Type": "application/pkcs10"}, auth=(self.name, self.code),
        )  # fmt: skip
        if answer.status_code == 200:
            chain = load_der_pkcs7_certificates(base64.b64decode(answer.content))
            self.chain = sorted(chain, key=lambda one: one.public_key() != (key or self.key).public_key())
        return answer.status_code == 200

    def approve(self, browser: Browser) -> None:
        """By the fingerprint that the list shows."""
        for row in browser.api("GET", "/enrolments").json().get("items", ()):
            if row["station"] == self.name:
                browser.api("POST", f"/enrolments/{row['id']}/approve", {"key": row["key"]})

    def station(self) -> Station:
        return Station(self.world.keep_identity(self.name, self.key, self.chain), self.world.mqtt)
