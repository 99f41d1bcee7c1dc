"""A signature counts only where it is the key's own, over this message; what the card refuses is told as a refusal."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.errors import CardAnswerError
from drivers.reader.outcomes import Locked, RefusalReason, Refused, Signed, SignOutcome, Unknown
from drivers.reader.pkcs15.values import KeyObject
from drivers.reader.profiles import builtin
from drivers.reader.signatures import signing
from drivers.reader.signatures.signing import SigningProfile
from drivers.reader.transport.channel import ApduChannel
from tests.drivers.reader.conftest import NOW, ScriptedConnection

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ed25519.Ed25519PrivateKey.generate()
ON_CARD = KeyObject(b"\x45", "", b"\x01", frozenset({2}), 1, b"", elliptic=True)
MESSAGE = b"made up"


def certificate(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Made Up")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    algorithm = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def raw(signature: bytes) -> bytes:
    """r and s side by side, as many cards give them."""
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))


def asked(*answers: str | None, key: object = KEY) -> SignOutcome:
    card = ApduChannel(ScriptedConnection(list(answers)))
    der = certificate(key)  # type: ignore[arg-type]  # one of the two kinds above
    return signing.sign(card, SigningProfile(builtin().match_name("virtual-b")), ON_CARD, der, "signature", MESSAGE)


@pytest.mark.parametrize("form", [bytes, raw])
def test_both_forms_of_an_elliptic_signature_are_taken(form: type[bytes]) -> None:
    made = KEY.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    outcome = asked("9000", form(made).hex() + "9000")
    assert isinstance(outcome, Signed)
    assert signing.verifies(outcome.certificate, MESSAGE, outcome.signature)
    assert not signing.verifies(outcome.certificate, b"another", outcome.signature)


@pytest.mark.parametrize("answer", ["00" * 64, "", "3003020101", KEY.sign(b"another", ec.ECDSA(hashes.SHA256())).hex()])
def test_a_false_signature_is_a_fault_of_the_card(answer: str) -> None:
    with pytest.raises(CardAnswerError, match="not its key's"):
        asked("9000", answer + "9000")


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (("6d00",) * 2, Refused(RefusalReason.NO_FORM, 0x6D00)),
        (("6a88",) * 4 + ("6985",) * 2, Refused(RefusalReason.NO_FORM, 0x6A88)),
        (("9000", "6982"), Refused(RefusalReason.CARD, 0x6982)),
        (("9000", "6983"), Locked()),
        (("9000", "63c2"), Refused(RefusalReason.CARD, 0x63C2, 2)),
        (("9000", None), Unknown()),
    ],
)
def test_what_the_card_refuses_is_told(answers: tuple[str | None, ...], outcome: SignOutcome) -> None:
    assert asked(*answers) == outcome


def test_a_kind_of_key_that_is_not_known_signs_nothing_and_vouches_for_nothing() -> None:
    assert asked(key=OTHER) == Refused(RefusalReason.KEY_KIND)
    with pytest.raises(ValueError, match="kind of key"):
        signing.verifies(certificate(OTHER), MESSAGE, b"")
