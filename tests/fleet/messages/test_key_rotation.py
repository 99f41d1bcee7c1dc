"""Statements of key rotation: one form, two signatures, and nothing but a named error for what is neither."""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.messages.key_rotation import (
    MAX_AUTHORITIES,
    MAX_STATEMENTS,
    NEW_KEY_TYP,
    ROTATION_TYP,
    KeyStatement,
    RotationError,
    follow_chain,
    open_statement,
    sign_statement,
    split_pem,
)
from provisioning import pki

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OLD, NEW = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
CA = pki.certificate_pem(pki.make_ca(NOW).certificate).decode()


def jwk(key: ECKey) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


def statement(**changes: object) -> KeyStatement:
    at, later = NOW.isoformat(), (NOW + timedelta(days=30)).isoformat()
    made = KeyStatement(1, at, at, later, later, jwk(NEW), base64.b64encode(bytes(32)).decode(), (CA,))
    return msgspec.structs.replace(made, **changes)


TEXT = sign_statement(statement(), OLD, NEW)


def test_it_opens_under_the_key_before_alone() -> None:
    opened = open_statement(TEXT, OLD)
    assert (opened.sequence, opened.made, opened.old_until) == (1, NOW, NOW + timedelta(days=30))
    assert opened.signing_key.thumbprint() == NEW.thumbprint()
    for other in (NEW, ECKey.generate_key("P-256")):
        with pytest.raises(RotationError):
            open_statement(TEXT, other)


def test_every_changed_sign_is_found() -> None:
    for place in range(len(TEXT)):
        changed = TEXT[:place] + ("A" if TEXT[place] != "A" else "B") + TEXT[place + 1 :]
        try:
            assert open_statement(changed, OLD).text == changed
        except RotationError:
            continue
        head, body, made = changed.split(".")
        assert (head, body) == tuple(TEXT.split(".")[:2]), "only the unused bits at the end of the signature may differ"
        assert base64.urlsafe_b64decode(f"{made}==") == base64.urlsafe_b64decode(f"{TEXT.split('.')[2]}==")


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 0},
        {"made": "yesterday"},
        {"made": "2026-03-02T08:00:00"},
        {"starts": (NOW + timedelta(days=31)).isoformat()},
        {"old_until": (NOW - timedelta(days=1)).isoformat()},
        {"not_after": NOW.isoformat()},
        {"verifier_key": "AAAA"},
        {"verifier_key": "*"},
        {"signing_key": jwk(ECKey.generate_key("P-384"))},
        {"signing_key": {"kty": "EC"}},
        {"signing_key": jwk(ECKey.generate_key("P-256"))},
        {"authorities": ("nonsense",)},
        {"authorities": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",)},
        {"authorities": (CA,) * (MAX_AUTHORITIES + 1)},
    ],
    ids="-".join,
)
def test_what_a_statement_may_not_say_is_refused_also_where_it_is_signed(changes: dict[str, object]) -> None:
    with pytest.raises(RotationError):
        open_statement(sign_statement(statement(**changes), OLD, NEW), OLD)


def test_neither_signature_stands_for_the_other() -> None:
    def signed(content: bytes, typ: str, key: ECKey) -> str:
        header = {"alg": "ES256", "kid": key.thumbprint(), "typ": typ}
        return jws.serialize_compact(header, content, key, algorithms=["ES256"])

    content = msgspec.json.encode(statement(signing_key=jwk(OLD)))
    inner = signed(content, NEW_KEY_TYP, OLD)
    assert open_statement(signed(inner.encode(), ROTATION_TYP, OLD), OLD)
    for wrong in (inner, signed(content, ROTATION_TYP, OLD), signed(inner.encode(), "kortkiosk.sync+jws", OLD)):
        with pytest.raises(RotationError):
            open_statement(wrong, OLD)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=80) | st.just(TEXT) | st.just(TEXT[:-9]), max_size=4))
def test_a_chain_of_anything_gives_what_was_signed_or_a_named_error(chain: list[str]) -> None:
    try:
        taken = follow_chain(OLD, chain)
    except RotationError:
        return
    assert [one.text for one in taken] in ([], [TEXT])


def test_a_chain_has_an_end() -> None:
    with pytest.raises(RotationError, match="at most"):
        follow_chain(OLD, [TEXT] * (MAX_STATEMENTS + 1))
    with pytest.raises(RotationError, match="at most"):
        open_statement("A" * 100_000, OLD)


def test_certificates_in_a_text_are_told_apart() -> None:
    assert split_pem(CA + CA) == (CA, CA)
    assert split_pem("") == ()
