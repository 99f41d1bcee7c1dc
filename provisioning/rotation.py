"""Renewal and rotation of an authority's keys: new leaves before they end, new keys by a chain that stations follow.

Rules: what is written stands in an order in which a stop at any moment leaves an authority that works, and the same command
goes on where it stopped; nothing is renewed or rotated too early by mistake, and one rotation ends before the next begins. The
old key is good for the overlap, half of which the server still signs with it, so that stations learn the new one under the old.

>>> rotate(authority, SIGNING, now, overlap_days=30)  # doctest: +SKIP
Rotation(sequence=1, starts=..., old_until=...)
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc.jwk import ECKey

from fleet.messages.key_rotation import Handover, KeyStatement, open_statement, sign_statement
from provisioning import files, pki
from provisioning.authority import (
    KEYS_FILE,
    KEYS_GOOD,
    PUBLIC_FILE,
    SERVER_CLIENT_NAME,
    Authority,
    AuthorityError,
    load_key,
    public_jwk,
)

SIGNING, VERIFIER = "signing", "verifier"
PARTS = (SIGNING, VERIFIER)
LEAVES = ("broker", SERVER_CLIENT_NAME)
OVERLAP_DAYS = 30.0
EARLY = timedelta(days=180)
"""A leaf that is good for longer is not renewed without being told to."""
_KEYS = {SIGNING: "server/signing", VERIFIER: "verifier/hpke"}


class TooEarlyError(AuthorityError):
    """It is refused by a rule for now. The text says until when, and what to do."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new certificate for a new key."""

    name: str
    not_after: datetime


def renew(authority: Authority, names: Sequence[str], now: datetime, *, early: bool = False) -> list[Renewed]:
    """New keys and certificates for `broker` and `fleet-server`, with the names that they had. Raises AuthorityError, OSError."""
    with files.locked(authority.directory):
        issuer = authority.issuer()
        if now >= issuer.certificate.not_valid_after_utc:
            raise AuthorityError(
                "the authority's own certificate has ended: make a new authority and enrol stations anew"
            )
        finish_renewals(authority.directory)
        before = {name: _certificate(_leaf(authority, name)) for name in names}
        for name, leaf in before.items():
            if not early and leaf.not_valid_after_utc - now > EARLY:
                until = (leaf.not_valid_after_utc - EARLY).date()
                raise TooEarlyError(
                    f"{name} is good until {leaf.not_valid_after_utc.date()}: renew it from {until} on, or with --early"
                )
        return [_renewed(authority, name, leaf, issuer, now) for name, leaf in before.items()]


def _renewed(authority: Authority, name: str, leaf: x509.Certificate, issuer: pki.Issuer, now: datetime) -> Renewed:
    key = pki.new_key()
    if name == SERVER_CLIENT_NAME:
        made = pki.issue_client(issuer, SERVER_CLIENT_NAME, key.public_key(), now)
    else:
        made = pki.issue_server(issuer, _names(leaf), key.public_key(), now)
    place = _leaf(authority, name)
    files.write(_next(place.with_suffix(".key")), pki.key_pem(key))
    files.write(_next(place), pki.certificate_pem(made), files.PUBLIC)
    finish_renewals(authority.directory)
    return Renewed(name, made.not_valid_after_utc)


def finish_renewals(directory: Path) -> None:
    """Put pairs into place that a stop left beside it: the certificate is written last, so it says that the pair is whole."""
    for place in (directory / "server/broker.pem", directory / f"server/{SERVER_CLIENT_NAME}.pem"):
        key = place.with_suffix(".key")
        if _next(place).exists():
            if _next(key).exists():
                _next(key).replace(key)
            _next(place).replace(place)
            files.sync_directory(place.parent)


def rotate(authority: Authority, parts: Sequence[str], now: datetime, overlap_days: float = OVERLAP_DAYS) -> Handover:
    """Make new keys for these `parts`, and the statement that hands over to them. Raises AuthorityError, OSError."""
    if not parts or not set(parts) <= set(PARTS):
        raise AuthorityError(f"name what to rotate: {', '.join(PARTS)}")
    if overlap_days <= 0:
        raise AuthorityError("the overlap must be longer than 0 days: stations learn of the new keys in it")
    with files.locked(authority.directory):
        if (under_way := authority.rotation()) is not None:
            raise TooEarlyError(_still(under_way))
        for part in parts:
            _make_next(authority.directory, part)
        texts = authority.chain()
        statement = _statement(authority, parts, len(texts) + 1, now, timedelta(days=overlap_days))
        old = _signing(authority.directory / "server/signing.key")
        new = _signing(_private(authority.directory, SIGNING, is_new=SIGNING in parts))
        text = sign_statement(statement, old, new)
        # Until this file is there the new keys are nothing; from then on they count.
        files.write_json(authority.directory / KEYS_FILE, [*texts, text], files.PUBLIC)
        return open_statement(text, old)


def finish(authority: Authority, now: datetime) -> Handover:
    """Forget the old keys, once nobody trusts them any more. Raises AuthorityError, OSError."""
    with files.locked(authority.directory):
        under_way = authority.rotation()
        if under_way is None:
            raise AuthorityError("no rotation is under way")
        if now < under_way.old_until:
            raise TooEarlyError(_still(under_way))
        for part in PARTS:
            place = authority.directory / f"{_KEYS[part]}.key"
            if (fresh := _private(authority.directory, part, is_new=True)).exists():
                fresh.replace(place)
                files.sync_directory(place.parent)
        public = files.read_json(authority.directory / PUBLIC_FILE)
        files.write_json(authority.directory / PUBLIC_FILE, {**public, **pinned(under_way)}, files.PUBLIC)
        return under_way


def pinned(handover: Handover) -> dict[str, object]:
    """What a station pins once the new keys are the server's: the fields of public.json."""
    jwk = {name: str(value) for name, value in handover.signing_key.as_dict(private=False).items()}
    return {
        "signing_key": jwk,
        "verifier_key": base64.b64encode(handover.verifier_key).decode(),
        "keys_until": handover.not_after.isoformat(),
    }


def _still(under_way: Handover) -> str:
    return (
        f"a rotation is under way: the server signs with the new key from {under_way.starts.date()}, and the old one is trusted"
        f" until {under_way.old_until.date()}; then `authority rotate --finish`"
    )


def _statement(
    authority: Authority, parts: Sequence[str], sequence: int, now: datetime, overlap: timedelta
) -> KeyStatement:
    directory = authority.directory
    public = files.read_json(directory / PUBLIC_FILE)
    verifier = _hpke(_private(directory, VERIFIER, is_new=VERIFIER in parts))
    signing = load_key(_private(directory, SIGNING, is_new=SIGNING in parts))
    return KeyStatement(
        sequence=sequence,
        made=now.isoformat(),
        starts=(now + overlap / 2).isoformat(),
        old_until=(now + overlap).isoformat(),
        not_after=(now + max(KEYS_GOOD, overlap)).isoformat(),
        signing_key=public_jwk(signing),
        verifier_key=base64.b64encode(verifier.public_key().public_bytes_raw()).decode(),
        authorities=(public["ca"],),
    )


def _make_next(directory: Path, part: str) -> None:
    """A new private key beside the one in use. One that a stop has left there before it was stated is as good."""
    place = _private(directory, part, is_new=True)
    if place.exists():
        return
    if part == SIGNING:
        files.write(place, pki.key_pem(pki.new_key()))
    else:
        key = X25519PrivateKey.generate()
        files.write(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _private(directory: Path, part: str, *, is_new: bool) -> Path:
    return directory / f"{_KEYS[part]}{'-next' if is_new else ''}.key"


def _signing(path: Path) -> ECKey:
    return ECKey.import_key(path.read_bytes())


def _hpke(path: Path) -> X25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, X25519PrivateKey):
        raise AuthorityError(f"{path} is no X25519 key")
    return key


def _leaf(authority: Authority, name: str) -> Path:
    return authority.directory / "server" / f"{name}.pem"


def _next(place: Path) -> Path:
    return place.with_name(f"{place.name}.next")


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _names(leaf: x509.Certificate) -> list[str]:
    """Every name and address that the broker answers on."""
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(one.value) for one in found]
