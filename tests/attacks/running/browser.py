"""A browser of the attacker's own making, and a security key in software (WebAuthn) that says it has verified its user."""

import base64
import hashlib
import html
import json
import re
import secrets
import time
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.running.wire import b64url, cbor, compact, unb64url

PASSWORD = "made-up password of an attack"


class SoftKey:
    """A security key that is a file: anybody can have one."""

    def __init__(self) -> None:
        self.key, self.id, self.count = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(32), 0
        self.verified = 0x05
        """Flags: the user was present and verified."""
        self.counts = True
        """Many keys count nothing, and always say 0 (WebAuthn 6.1.1)."""

    @property
    def credential(self) -> str:
        """Its id, as a server keeps it."""
        return b64url(self.id)

    @property
    def cose(self) -> str:
        """Its public key (RFC 9053), as a server keeps it."""
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return b64url(cbor(public))

    def create(self, options: dict[str, Any], origin: str) -> str:
        """An attestation of the format `none` (WebAuthn 8.7)."""
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + unb64url(self.cose)
        data = self._data(options["rp"]["id"], 0x45) + credential
        client = self._client("webauthn.create", options, origin)
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential({"clientDataJSON": client, "attestationObject": attestation})

    def get(self, options: dict[str, Any], origin: str) -> str:
        """An assertion whose user was verified."""
        client = self._client("webauthn.get", options, origin)
        data = self._data(options["rpId"], self.verified)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _data(self, party: str, flags: int) -> bytes:
        self.count += self.counts
        return hashlib.sha256(party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    @staticmethod
    def _client(kind: str, options: dict[str, Any], origin: str) -> bytes:
        return compact({"type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": False})

    def _credential(self, response: dict[str, bytes]) -> str:
        parts = {name: b64url(raw) for name, raw in response.items()}
        return json.dumps({"id": b64url(self.id), "rawId": b64url(self.id), "type": "public-key", "response": parts})


def one_time_code(secret: str, step: int = 0) -> str:
    """RFC 6238 for a base32 secret, so many steps from now."""
    digest = hmac.HMAC(base64.b32decode(secret), hashes.SHA1())  # noqa: S303
    digest.update((int(time.time()) // 30 + step).to_bytes(8, "big"))
    raw = digest.finalize()
    at = raw[-1] & 15
    return f"{(int.from_bytes(raw[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


class Browser:
    """A session of the pages and of the API."""

    def __init__(self, port: int, session: str = "", token: str = "") -> None:
        self.origin = f"http://localhost:{port}"
        hooks = {"response": [_is_no_fault]}
        self.client = httpx.Client(base_url=self.origin, timeout=30, trust_env=False, event_hooks=hooks)
        self.secret = self.last = ""
        if token:
            self.client.headers["Authorization"] = f"Bearer {token}"
        if session:
            self._be(session)

    def _be(self, session: str) -> None:
        self.client.headers["Cookie"] = f"kortkiosk={session}"
        self.form_token = hashlib.sha256(b"form:" + session.encode()).hexdigest()
        self.client.headers.update({"X-Form-Token": self.form_token, "Origin": self.origin})

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, f"/api/v1{path}", json=body)

    def press(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        return self.client.post(path, data={"form_token": getattr(self, "form_token", ""), **fields})

    def set_up(self, link: str) -> bool:
        """Whether whoever opens that link is that account now."""
        value = link.rpartition("/")[2]
        page = self.get(f"/set-up/{value}").text
        found = re.search(r"\b[A-Z2-7]{32}\b", re.sub(r"\s", " ", page)) or re.search(
            r"[A-Z2-7]{32}", page.replace(" ", "")
        )
        if found is None:
            return False
        self.secret = found[0]
        self.client.headers["Origin"] = self.origin
        typed = {"value": value, "password": PASSWORD, "again": PASSWORD, "code": one_time_code(self.secret, -1)}
        came = self.client.post("/set-up", data=typed)
        session = came.cookies.get("kortkiosk")
        if session is None:
            return False
        self._be(session)
        return True

    def add_key(self, key: SoftKey) -> bool:
        """A first key, by password and one-time code."""
        page = self.press("/me/keys", name="soft", password=PASSWORD, code=one_time_code(self.secret))
        options = _options(page.text)
        if options is None:
            return False
        done = self.press("/me/keys/done", name="soft", credential=key.create(options, self.origin))
        return done.status_code == 303

    def step_up(self, key: SoftKey, origin: str = "") -> bool:
        """Whether the session has a fresh proof now, as the server says."""
        options = _options(self.get("/step-up").text)
        if options is None:
            return False
        self.last = key.get(options, origin or self.origin)
        return self.press("/step-up", onward="/", credential=self.last).status_code == 303


def _is_no_fault(answer: httpx.Response) -> None:
    """What is refused is refused by a rule: a server that breaks has refused nothing."""
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"


def _options(page: str) -> dict[str, Any] | None:
    found = re.search(r"data-options=(\"[^\"]*\"|'[^']*')", page)
    return None if found is None else json.loads(html.unescape(found[1][1:-1]))
