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
from cryptography.x509.oid import NameOID

from tests.attacks.running.browser import Browser
from tests.attacks.running.cards import Card, Mandate, certificate_request
from tests.attacks.running.station import Identity, Station
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


class Est:
    """Somebody at the stations' listener (EST, RFC 7030), from an address of his own, since wrong codes count by address."""

    def __init__(self, world: World, identity: Identity | None = None) -> None:
        self.address = f"127.0.1.{next(world.counter) % 250 + 1}"
        self._tls, self._at = world.tls(), f"https://localhost:{world.est}/.well-known"
        if identity is not None:
            self._tls.load_cert_chain(identity.certificate_file, identity.key_file)

    def _client(self) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self._tls, local_address=self.address, trust_env=False)
        return httpx.Client(transport=transport, base_url=self._at, timeout=30)

    def ask(self, request: bytes, claim: tuple[str, str] | None = None) -> list[x509.Certificate]:
        """What a request in DER is given: the leaf first; nothing where it waits or is refused. Without a claim a renewal."""
        operation = "simpleenroll" if claim else "simplereenroll"
        content, headers = base64.encodebytes(request), {"Content-Type": "application/pkcs10"}
        with self._client() as client:
            answer = client.post(f"/est/{operation}", content=content, headers=headers, auth=claim)
        assert answer.status_code < 500, answer.text
        if answer.status_code != 200:
            return []
        chain = load_der_pkcs7_certificates(base64.b64decode(answer.content))
        return sorted(
            chain, key=lambda one: bool(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
        )

    def epoch(self) -> int:
        """Which life of its name the certificate that is shown is for; 0 where it is good for nothing."""
        with self._client() as client:
            answer = client.get("/kortkiosk/identity")
        return int(answer.json()["epoch"]) if answer.status_code == 200 else 0


def station_request(key: Any, name: str = "", *more: x509.NameAttribute) -> bytes:
    """PKCS#10 in DER, signed by that key."""
    named = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([*named, *more])).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.DER)


class Claim:
    """A claim of a station's name, and the key of whoever wants to be that station."""

    def __init__(self, world: World, browser: Browser, name: str) -> None:
        self.world, self.name, self.est = world, name, Est(world)
        self.key = ec.generate_private_key(ec.SECP256R1())
        answer = browser.api("POST", "/enrolments", {"station": name})
        self.code = str(answer.json().get("code", "")) if answer.status_code == 201 else ""
        self.chain: list[x509.Certificate] = []

    def enrol(self, key: Any = None, request: bytes = b"") -> bool:
        """Whether there is a certificate for the key."""
        chain = self.est.ask(request or station_request(key or self.key), (self.name, self.code))
        self.chain = chain or self.chain
        return bool(chain)

    def approve(self, browser: Browser) -> None:
        """By the fingerprint that the list shows."""
        for row in browser.api("GET", "/enrolments").json().get("items", ()):
            if row["station"] == self.name:
                browser.api("POST", f"/enrolments/{row['id']}/approve", {"key": row["key"], "reason": "made up"})

    def identity(self) -> Identity:
        return self.world.keep_identity(self.name, self.key, self.chain)

    def station(self) -> Station:
        return Station(self.identity(), self.world.mqtt)
