"""Rotation of an authority's keys: new ones by a chain of statements that stations follow, and the CA in the same way.

Rules: what is written stands in an order in which a stop at any moment leaves an authority that works, and the same command
goes on where it stopped; one rotation ends before the next begins, and nothing is forgotten too early. The
old key is good for the overlap, half of which the server still signs with it, so that stations learn the new one under the old.
"""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc.jwk import ECKey

from fleet.messages.key_rotation import Handover, KeyStatement, open_statement, sign_statement, split_pem
from fleet.messages.statements import is_issued_by
from provisioning import files, pki
from provisioning.authority import (
    KEYS_FILE,
    KEYS_GOOD,
    PUBLIC_FILE,
    Authority,
    AuthorityError,
    load_key,
    public_jwk,
)
from provisioning.issuing import read_issuing
from provisioning.processes import process_names
from provisioning.renewal import LEAVES, TooEarlyError, read_leaf

SIGNING, VERIFIER, CA = "signing", "verifier", "ca"
PARTS = (SIGNING, VERIFIER)
"""What is rotated unless something else is named: the CA is good for longer."""
ALL_PARTS = (*PARTS, CA)
OVERLAP_DAYS = 30.0
_KEYS = {SIGNING: "server/signing", VERIFIER: "verifier/hpke", CA: "ca/ca"}


def rotate(authority: Authority, parts: Sequence[str], now: datetime, overlap_days: float = OVERLAP_DAYS) -> Handover:
    """Make new keys for these `parts`, and the statement that hands over to them. Raises AuthorityError, OSError."""
    if not parts or not set(parts) <= set(ALL_PARTS):
        raise AuthorityError(f"name what to rotate: {', '.join(ALL_PARTS)}")
    if overlap_days <= 0:
        raise AuthorityError("the overlap must be longer than 0 days: stations learn of the new keys in it")
    with files.directory_lock(authority.directory):
        apply_rotation(authority, now)
        if (under_way := authority.rotation()) is not None:
            raise TooEarlyError(_still(under_way))
        texts = authority.chain()
        for part in parts:
            _make_next(authority, part, now, len(texts) + 2)
        made = _state(authority, _statement(authority, parts, len(texts) + 1, now, timedelta(days=overlap_days)), parts)
        apply_rotation(authority, now)
        return made


def _state(authority: Authority, statement: KeyStatement, parts: Sequence[str]) -> Handover:
    """Until this file is there the new keys are nothing; from then on they count."""
    old = _signing(authority.directory / "server/signing.key")
    new = _signing(_private(authority.directory, SIGNING, is_new=SIGNING in parts))
    text = sign_statement(statement, old, new)
    files.write_json(authority.directory / KEYS_FILE, [*authority.chain(), text], files.PUBLIC)
    return open_statement(text, old)


def apply_rotation(authority: Authority, now: datetime) -> None:
    """Have ca.pem and the list of revocations name the authorities that the newest statement names. Call it under the lock."""
    stated = authority.rotation()
    place = authority.directory / "ca/ca.pem"
    if stated is not None and set(split_pem(place.read_text())) != set(stated.authorities):
        files.write_file(place, "".join(stated.authorities).encode(), files.PUBLIC)
        authority.refresh_crl(now)


def finish_rotation(authority: Authority, now: datetime) -> Handover:
    """Forget the old keys, once nobody trusts them any more. The old CA still vouches for whom it enrolled (`forget_ca`).

    Raises AuthorityError, OSError.
    """
    with files.directory_lock(authority.directory):
        apply_rotation(authority, now)
        under_way = authority.rotation()
        if under_way is None:
            raise AuthorityError("no rotation is under way")
        if now < under_way.old_until:
            raise TooEarlyError(_still(under_way))
        _put_in_place(authority, under_way, now)
        return under_way


def _put_in_place(authority: Authority, under_way: Handover, now: datetime) -> None:
    directory = authority.directory
    public = files.read_json(directory / PUBLIC_FILE)
    for part in ALL_PARTS:
        place = directory / f"{_KEYS[part]}.key"
        if not (fresh := _private(directory, part, is_new=True)).exists():
            continue
        if part == CA:
            # Its key signs no certificate any more, but the revocations of those that it has issued.
            files.write_file(directory / f"ca/ca-before-{under_way.sequence}.key", place.read_bytes())
        fresh.replace(place)
        files.sync_directory(place.parent)
    (directory / "ca/ca-next.pem").unlink(missing_ok=True)
    since = {"ca_since": now.isoformat()} if set(split_pem(public["ca"])) != set(under_way.authorities) else {}
    newest_first = sorted(under_way.authorities, key=lambda pem: _made(pem), reverse=True)
    files.write_file(directory / "ca/ca.pem", "".join(newest_first).encode(), files.PUBLIC)
    for path in (directory / "ca").glob("ca-before-*.key"):
        if path not in authority.key_files():
            path.unlink()
    authority.refresh_crl(now)
    stated = {**public, **pinned_keys(under_way), **since, "ca": "".join(newest_first)}
    files.write_json(directory / PUBLIC_FILE, stated, files.PUBLIC)


def forget_ca(authority: Authority, now: datetime) -> Handover:
    """Have stations trust the newest CA alone, once nothing rests on the ones before. Raises AuthorityError, OSError."""
    with files.directory_lock(authority.directory):
        apply_rotation(authority, now)
        if (under_way := authority.rotation()) is not None:
            if under_way.old_until > now:
                raise TooEarlyError(_still(under_way))
        elif len(authorities := x509.load_pem_x509_certificates((authority.directory / "ca/ca.pem").read_bytes())) < 2:
            raise AuthorityError(f"there is one authority only: {authorities[0].subject.rfc4514_string()}")
        else:
            _check_forgettable(authority, now)
            statement = _statement(authority, (), len(authority.chain()) + 1, now, timedelta(), forget=True)
            under_way = _state(authority, statement, ())
            apply_rotation(authority, now)
        _put_in_place(authority, under_way, now)
        return under_way


def _check_forgettable(authority: Authority, now: datetime) -> None:
    issuer = authority.issuer().certificate
    for name in (*LEAVES, *process_names(authority)):
        if not is_issued_by(read_leaf(authority, name), issuer):
            how = f"renew --early --only {name}" if name in LEAVES else f"issue {name}"
            raise TooEarlyError(f"the certificate of {name} is of an old authority: `authority {how}`")
    if any(not is_issued_by(certificate, issuer) for certificate in read_issuing(authority.directory)):
        raise TooEarlyError(
            "an issuing key is of an old authority: `authority issue-issuing --early`, and wait for its end"
        )
    since = datetime.fromisoformat(files.read_json(authority.directory / PUBLIC_FILE)["ca_since"])
    living = [record for record in authority.registry.issued() if record.revoked is None and record.not_after > now]
    newest = {record.station: record for record in living}
    old = sorted(name for name, record in newest.items() if record.issued < since)
    if old:
        raise TooEarlyError(
            f"{len(old)} stations have certificates of an old authority ({', '.join(old[:5])}): enrol them anew"
        )


def _made(pem: str) -> datetime:
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_before_utc


def pinned_keys(handover: Handover) -> dict[str, object]:
    """Return the fields of public.json that a station pins once the new keys are the server's."""
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
    authority: Authority,
    parts: Sequence[str],
    sequence: int,
    now: datetime,
    overlap: timedelta,
    *,
    forget: bool = False,
) -> KeyStatement:
    directory = authority.directory
    authorities = split_pem((directory / "ca/ca.pem").read_text())
    if forget:
        authorities = (pki.certificate_pem(authority.issuer().certificate).decode(),)
    if CA in parts:
        authorities = (*authorities, (directory / "ca/ca-next.pem").read_text())
    verifier = _hpke(_private(directory, VERIFIER, is_new=VERIFIER in parts))
    signing = load_key(_private(directory, SIGNING, is_new=SIGNING in parts))
    return KeyStatement(
        sequence=sequence,
        made=now.isoformat(),
        starts=(now + overlap / 2).isoformat(),
        old_until=(now + overlap).isoformat(),
        not_after=_keys_until(authority, parts, now, overlap).isoformat(),
        signing_key=public_jwk(signing),
        verifier_key=base64.b64encode(verifier.public_key().public_bytes_raw()).decode(),
        authorities=authorities,
    )


def _keys_until(authority: Authority, parts: Sequence[str], now: datetime, overlap: timedelta) -> datetime:
    """Both keys are new together, or the older one's day stays."""
    before = files.read_json(authority.directory / PUBLIC_FILE).get("keys_until")
    if set(PARTS) <= set(parts) or before is None:
        return now + max(KEYS_GOOD, overlap)
    return max(datetime.fromisoformat(before), now + overlap)


def _make_next(authority: Authority, part: str, now: datetime, number: int) -> None:
    """A new private key beside the one in use. One that a stop has left there before it was stated is as good."""
    place = _private(authority.directory, part, is_new=True)
    if not place.exists():
        if part == CA:
            authority.make_ca_key(place)
        elif part == VERIFIER:
            key = X25519PrivateKey.generate()
            files.write_file(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        else:
            files.write_file(place, pki.key_pem(pki.new_key()))
    if part == CA:
        made = pki.make_ca(now, authority.ca_key(place), number)
        files.write_file(place.with_suffix(".pem"), pki.certificate_pem(made.certificate), files.PUBLIC)


def _private(directory: Path, part: str, *, is_new: bool) -> Path:
    return directory / f"{_KEYS[part]}{'-next' if is_new else ''}.key"


def _signing(path: Path) -> ECKey:
    return ECKey.import_key(path.read_bytes())


def _hpke(path: Path) -> X25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, X25519PrivateKey):
        raise AuthorityError(f"{path} is no X25519 key")
    return key
