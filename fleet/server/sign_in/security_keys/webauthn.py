"""WebAuthn ceremonies (Web Authentication Level 2, 7): the options a browser is given, and the verdict on what it sends back.
Alone imports webauthn.

Rules: no attestation and no resident key are asked for, so that any security key will do. A key is registered only where it
verifies its user (by PIN or finger). Everything that a browser sends is untrusted: whatever does not parse or verify is a
`KeyRefusedError`, which says no more than why.

>>> RelyingParty.at("https://dash.example:8443")
RelyingParty(id='dash.example', origin='https://dash.example:8443')
>>> RelyingParty.at("http://127.0.0.1:8080") is None
True
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

CHALLENGE_BYTES = 32
MOST_CREDENTIAL = 8192
"""Characters of what a browser sends back."""
NAME = "kortkiosk"
_UNREADABLE = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


class KeyRefusedError(Exception):
    """Refusal of what a browser or security key sent: it is not what was asked for. The text is for the log."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Party that keys are made for: a domain name, and the origin of our pages."""

    id: str
    origin: str

    @classmethod
    def at(cls, address: str) -> "RelyingParty | None":
        """From the address of the pages; None where browsers allow no keys: an IP address, or plain HTTP but of localhost."""
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        if not host or _is_ip(host) or not (parts.scheme == "https" or host == "localhost"):
            return None
        port = f":{parts.port}" if parts.port not in (None, {"https": 443, "http": 80}[parts.scheme]) else ""
        return cls(host, f"{parts.scheme}://{host}{port}")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Registered:
    """A new key. `credential` and `public_key` are base64url."""

    credential: str
    public_key: str
    sign_count: int


@dataclass(frozen=True, slots=True)
class Asserted:
    """Assertion that a key has signed."""

    sign_count: int
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The options for the browser (JSON), and the challenge in them (base64url), which is good once."""

    options: str
    challenge: str


def ask_to_register(party: RelyingParty, handle: bytes, name: str, credentials: Sequence[str]) -> Asked:
    """For `navigator.credentials.create`. `credentials`: credentials that the account has already."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=handle,
        user_name=name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(credentials),
    )
    return Asked(options_to_json(options), bytes_to_base64url(challenge))


def ask_to_assert(party: RelyingParty, credentials: Sequence[str], *, verifies_user: bool) -> Asked:
    """For `navigator.credentials.get`, by one of these credentials."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    verification = UserVerificationRequirement.REQUIRED if verifies_user else UserVerificationRequirement.PREFERRED
    options = generate_authentication_options(
        rp_id=party.id, challenge=challenge, allow_credentials=_descriptors(credentials), user_verification=verification
    )
    return Asked(options_to_json(options), bytes_to_base64url(challenge))


def _descriptors(credentials: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential)) for credential in credentials]


def challenge_in(credential: str) -> str:
    """The challenge that was signed, base64url, to look up who asked. Raises KeyRefusedError."""
    return bytes_to_base64url(_read(credential, "signature" not in credential)[1])


def credential_in(credential: str) -> str:
    """The key that it says to be, base64url. Raises KeyRefusedError."""
    return _read(credential, "signature" not in credential)[0]


def _read(credential: str, registers: bool) -> tuple[str, bytes]:
    if len(credential) > MOST_CREDENTIAL:
        raise KeyRefusedError("longer than any key's answer")
    parse: Any = parse_registration_credential_json if registers else parse_authentication_credential_json
    try:
        parsed = parse(credential)
        return bytes_to_base64url(parsed.raw_id), parse_client_data_json(parsed.response.client_data_json).challenge
    except _UNREADABLE as error:
        raise KeyRefusedError(f"unreadable: {type(error).__name__}") from None


def check_registration(party: RelyingParty, challenge: str, credential: str) -> Registered:
    """7.1. Raises KeyRefusedError."""
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except _UNREADABLE as error:
        raise KeyRefusedError(str(error)[:200]) from None
    names = bytes_to_base64url(made.credential_id), bytes_to_base64url(made.credential_public_key)
    return Registered(*names, made.sign_count)


def check_assertion(
    party: RelyingParty, challenge: str, credential: str, public_key: str, *, verifies_user: bool
) -> Asserted:
    """7.2, without the counter, which the caller compares. Raises KeyRefusedError."""
    try:
        done = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=0,
            require_user_verification=verifies_user,
        )
    except _UNREADABLE as error:
        raise KeyRefusedError(str(error)[:200]) from None
    return Asserted(done.new_sign_count, done.user_verified)
