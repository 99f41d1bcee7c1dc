"""A receipt proves what it says: as it was signed it is genuine, and after any change of a byte it is not."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from kiosk.receipts import (
    Altered,
    Genuine,
    ReceiptError,
    ReceiptPerson,
    ReceiptSigner,
    ReceiptTrust,
    UnknownSigner,
    document_bytes,
    draft_receipt,
    finish_receipt,
    read_receipt,
    verify_receipt,
)
from kiosk.receipts.signatures import read_certificate

NOT_POSITIVE = pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
"""The library warns before it refuses in a later version; `signatures.read_certificate` refuses already."""
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384"])
def test_a_receipt_that_the_holder_s_card_signed(world, algorithm) -> None:
    receipt = world.receipt(algorithm)

    verdict = verify_receipt(receipt.document, world.trust)

    assert isinstance(verdict, Genuine)
    assert verdict.facts == world.facts()
    station, card = verdict.signers
    assert (station.role, station.name, station.chain) == ("station", "east-1", "trusted")
    assert (card.role, card.name, card.hsa_id, card.chain) == (
        "card",
        "Åsa Lindström",
        "SE2321000999-7K2B",
        "trusted",
    )
    assert receipt.signed == "card"


def test_a_receipt_that_the_station_attests(world) -> None:
    receipt = world.receipt(None)

    verdict = verify_receipt(receipt.document, world.trust)

    assert isinstance(verdict, Genuine)
    assert [signer.role for signer in verdict.signers] == ["station"]
    assert receipt.signed == "attested"


@pytest.mark.parametrize("card", ["ES256", None])
def test_the_code_on_the_paper(world, card) -> None:
    receipt = world.receipt(card)

    verdict = verify_receipt(receipt.qr, ReceiptTrust(stations=(world.station.certificate,)))

    assert isinstance(verdict, Genuine)
    assert verdict.facts is None
    assert verdict.statement.card_tail == "50826134"
    assert verdict.statement.number == receipt.number
    whole = verify_receipt(receipt.document, world.trust)
    assert isinstance(whole, Genuine)
    assert verdict.statement == whole.statement, "the code stands for this receipt and no other"
    assert len(receipt.qr) < 500


def test_a_code_that_a_phone_opens_says_the_same(world) -> None:
    """The statement is the fragment, which no browser sends; the whole stays below what the QR code holds."""
    address = f"https://kortkiosk.{'long' * 20}.example/r/"
    receipt = world.finish(draft_receipt(world.facts()), None, public_url=address)

    assert receipt.qr.startswith(f"{address}#KK1.")
    assert len(receipt.qr) < 500
    trust = ReceiptTrust(stations=(world.station.certificate,))
    verdict = verify_receipt(receipt.qr, trust)
    assert isinstance(verdict, Genuine)
    assert verify_receipt(receipt.qr.partition("#")[2], trust) == verdict
    assert isinstance(verify_receipt(receipt.qr[:-4] + "AAAA", trust), Altered)
    assert isinstance(verify_receipt(address, trust), Altered)


def test_an_independent_library_reads_the_same_jws(world) -> None:
    receipt = world.receipt("RS256")
    keys = {"ES256": world.station, "RS256": world.cards["RS256"]}

    class Registry(jws.JWSRegistry):
        max_header_length = 65536

    def key_of(member, *_):
        kind = RSAKey if member.headers()["alg"] == "RS256" else ECKey
        certificate = keys[member.headers()["alg"]].certificate
        return kind.import_key(certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    checked = jws.deserialize_json(
        json.loads(receipt.document),
        key_of,
        registry=Registry(algorithms=["ES256", "RS256"], strict_check_header=False),
    )

    assert json.loads(checked.payload)["number"] == receipt.number


def test_every_single_byte_of_the_code_matters(world) -> None:
    receipt = world.receipt()
    for at, character in enumerate(receipt.qr):
        for bit in (1, 2, 32):
            changed = receipt.qr[:at] + chr(ord(character) ^ bit) + receipt.qr[at + 1 :]
            assert not isinstance(verify_receipt(changed, world.trust), Genuine), (at, changed)


@NOT_POSITIVE
def test_every_single_byte_of_the_receipt_matters(world) -> None:
    document = world.receipt().document
    for at in range(len(document)):
        for bit in (1 << at % 8, 32):
            changed = bytearray(document)
            changed[at] ^= bit
            assert not isinstance(verify_receipt(bytes(changed), world.trust), Genuine), at


@QUICK
@given(data=st.data())
def test_no_insertion_deletion_or_replacement_goes_unseen(world, data) -> None:
    document = world.receipt(None).document
    at = data.draw(st.integers(0, len(document)))
    removed = data.draw(st.integers(0, 3))
    added = data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b"\n", b"\t", b'"x":1,', b"=", b"\\u0041"]))
    changed = document[:at] + added + document[at + removed :]

    if changed != document:
        assert not isinstance(verify_receipt(changed, world.trust), Genuine)


def test_a_certificate_with_any_byte_changed_is_refused_without_a_crash(world) -> None:
    parsed = json.loads(world.receipt(None).document)
    header = json.loads(unpacked(parsed["signatures"][0]["protected"]))
    der = world.station.der
    for at in range(len(der)):
        for bit in (1, 2, 4, 8, 64):
            changed = bytearray(der)
            changed[at] ^= bit
            chain = [base64.b64encode(changed).decode(), header["x5c"][1]]
            parsed["signatures"][0]["protected"] = packed(json.dumps(header | {"x5c": chain}, separators=(",", ":")))
            assert not isinstance(verify_receipt(document_bytes(parsed), world.trust), Genuine)


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200) | st.text(max_size=80).map("KK1.{0}.x".format))
def test_noise_is_no_receipt_and_breaks_nothing(world, noise) -> None:
    assert not isinstance(verify_receipt(noise, world.trust), Genuine)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda document: document + b"\n",
        lambda document: b" " + document,
        lambda document: json.dumps(json.loads(document), indent=1).encode(),
        lambda document: json.dumps(dict(reversed(json.loads(document).items())), separators=(",", ":")).encode(),
        lambda document: document[:-1] + b',"note":"x"}',
        lambda document: document.replace(b'{"payload":', b'{"payload":"x","payload":', 1),
    ],
    ids=["trailing line", "leading space", "pretty", "other order", "more keys", "doubled key"],
)
def test_a_receipt_has_one_form(world, rewrite) -> None:
    assert isinstance(verify_receipt(rewrite(world.receipt().document), world.trust), Altered)


def test_the_document_can_be_had_again_from_parsed_json(world) -> None:
    receipt = world.receipt()
    parsed = json.loads(receipt.document)

    assert document_bytes(dict(reversed(parsed.items()))) == receipt.document
    with pytest.raises(ReceiptError):
        document_bytes({"payload": 1})


def test_a_kept_receipt_is_read_back(world) -> None:
    receipt = world.receipt()

    assert read_receipt(receipt.document, receipt.qr) == receipt


def test_a_card_signature_cannot_be_left_out_or_doubled(world) -> None:
    parsed = json.loads(world.receipt().document)
    station, card = parsed["signatures"]

    for signatures in ([station], [station, card, card], [card], []):
        assert isinstance(verify_receipt(document_bytes(parsed | {"signatures": signatures}), world.trust), Altered)


def test_the_mirror_image_of_a_signature_is_refused(world) -> None:
    parsed = json.loads(world.receipt(None).document)
    made = base64.urlsafe_b64decode(parsed["signatures"][0]["signature"] + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = made[:32] + (order - int.from_bytes(made[32:], "big")).to_bytes(32, "big")
    parsed["signatures"][0]["signature"] = base64.urlsafe_b64encode(other).decode().rstrip("=")

    assert isinstance(verify_receipt(document_bytes(parsed), world.trust), Altered)


def test_another_authority_s_station_is_unknown(world, certify) -> None:
    stranger = certify("another authority", None)

    verdict = verify_receipt(world.receipt().document, replace(world.trust, authorities=(stranger.certificate,)))

    assert isinstance(verdict, UnknownSigner)


def test_an_authority_of_the_same_name_is_not_the_same(world, certify) -> None:
    namesake = certify("fleet authority", None)

    verdict = verify_receipt(world.receipt().document, replace(world.trust, authorities=(namesake.certificate,)))

    assert isinstance(verdict, UnknownSigner)


def test_one_station_cannot_speak_for_another(world) -> None:
    unsigned = draft_receipt(world.facts())

    forged = world.finish(unsigned, None, by=world.other_station)

    assert isinstance(verify_receipt(forged.document, world.trust), Altered)
    assert isinstance(verify_receipt(forged.qr, world.trust), Altered)


def test_a_station_s_certificate_is_no_authority(world, certify) -> None:
    below = certify("east-1", world.station)
    assert isinstance(below.key, ec.EllipticCurvePrivateKey)

    forged = finish_receipt(
        draft_receipt(world.facts()), below.key, (below.der, world.station.der, world.authority.der), None
    )

    assert isinstance(verify_receipt(forged.document, world.trust), UnknownSigner)


@pytest.mark.parametrize("days", [-200, 200])
def test_the_station_s_certificate_was_valid_when_the_receipt_was_made(world, days) -> None:
    receipt = world.receipt(None, time=world.facts().time + timedelta(days=days))

    assert isinstance(verify_receipt(receipt.document, world.trust), UnknownSigner)
    assert isinstance(verify_receipt(receipt.qr, world.trust), UnknownSigner)
    assert isinstance(verify_receipt(receipt.qr, ReceiptTrust(stations=(world.station.certificate,))), UnknownSigner)


def test_a_card_of_somebody_else_does_not_sign(world, certify, sign_as_card) -> None:
    other = certify("Bo Ek", world.card_root, hsa_id="SE2321000999-BO01")
    unsigned = draft_receipt(world.facts())

    receipt = world.finish(unsigned, sign_as_card(other, unsigned.signing_input(other.der)))

    assert isinstance(verify_receipt(receipt.document, world.trust), Altered)


def test_a_card_from_another_issuer_is_unknown_where_issuers_are_given(world, certify, sign_as_card) -> None:
    root = certify("another root", None)
    card = certify("Åsa Lindström", root, hsa_id="SE2321000999-7K2B")
    unsigned = draft_receipt(world.facts())
    receipt = world.finish(unsigned, sign_as_card(card, unsigned.signing_input(card.der)))

    assert isinstance(verify_receipt(receipt.document, world.trust), UnknownSigner)
    unchecked = verify_receipt(receipt.document, replace(world.trust, card_anchors=None))
    assert isinstance(unchecked, Genuine)
    assert unchecked.signers[1].chain == "unchecked"


def test_a_signature_over_something_else_makes_no_receipt(world, sign_as_card) -> None:
    card = world.cards["ES256"]
    unsigned = draft_receipt(world.facts())

    with pytest.raises(ReceiptError, match="card's signature"):
        world.finish(unsigned, sign_as_card(card, b"something else"))
    with pytest.raises(ReceiptError, match="DER"):
        world.finish(unsigned, replace(sign_as_card(card, unsigned.signing_input(card.der)), signature=b"\x00"))


def test_a_key_that_is_not_the_station_s_makes_no_receipt(world) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    with pytest.raises(ReceiptError, match="station's key"):
        finish_receipt(draft_receipt(world.facts()), key, (world.station.der,), None)


def test_a_name_too_long_for_the_code_is_refused(world, certify) -> None:
    with pytest.raises(ReceiptError, match="QR"):
        world.receipt(None, kind="x" * 300)


def test_a_time_needs_a_zone(world) -> None:
    with pytest.raises(ReceiptError, match="zone"):
        draft_receipt(world.facts(time=world.facts().time.replace(tzinfo=None)))


PROTECTED = ReceiptPerson("SE2321000999-7K2B", None)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384"])
def test_a_protected_holder_is_named_nowhere_in_the_receipt(world, algorithm) -> None:
    receipt = world.receipt(algorithm, holder=PROTECTED)
    parsed = json.loads(receipt.document)
    headers = [json.loads(unpacked(member["protected"])) for member in parsed["signatures"]]
    certificates = [base64.b64decode(text) for text in headers[0]["x5c"]]

    assert receipt.signed == "card"
    assert headers[1].keys() == {"alg", "typ", "x5t#S256"}
    assert unpacked(headers[1]["x5t#S256"]) == hashlib.sha256(world.cards[algorithm].der).digest()
    name = "Lindström".encode()
    assert [
        part
        for part in (receipt.document, unpacked(parsed["payload"]), receipt.qr.encode(), *certificates)
        if name in part
    ] == []


def test_a_protected_holder_s_card_is_checked_where_its_certificate_is_given(world) -> None:
    receipt = world.receipt(holder=PROTECTED)
    card = world.cards["ES256"].certificate

    unchecked = verify_receipt(receipt.document, world.trust)
    checked = verify_receipt(receipt.document, replace(world.trust, holder_certificates=(card,)))
    other = verify_receipt(receipt.document, replace(world.trust, holder_certificates=(world.station.certificate,)))

    assert isinstance(unchecked, Genuine)
    assert isinstance(checked, Genuine)
    thumbprint = hashlib.sha256(world.cards["ES256"].der).hexdigest()
    assert unchecked.signers[1] == ReceiptSigner("card", "", "", "unchecked", "unchecked", thumbprint)
    assert checked.signers[1] == ReceiptSigner("card", "", "SE2321000999-7K2B", "trusted", "checked", thumbprint)
    assert isinstance(other, UnknownSigner)
    assert "Lindström" not in repr((unchecked, checked, other))


@NOT_POSITIVE
def test_every_single_byte_matters_also_where_the_card_s_signature_cannot_be_checked(world) -> None:
    document = world.receipt(holder=PROTECTED).document
    for at in range(len(document)):
        for bit in (1 << at % 8, 32):
            changed = bytearray(document)
            changed[at] ^= bit
            assert not isinstance(verify_receipt(bytes(changed), world.trust), Genuine), at


@NOT_POSITIVE
@pytest.mark.parametrize("first", [0x81, 0x00], ids=["negative", "nought"])
def test_a_certificate_with_a_serial_number_that_is_not_positive_is_none(certify, first) -> None:
    der = certify("east-1", None, serial=1).der
    assert read_certificate(der).serial_number == 1
    with pytest.raises(ReceiptError, match="cannot be read"):
        read_certificate(der.replace(b"\x02\x01\x01", bytes((2, 1, first)), 1))


def test_the_signature_of_another_card_cannot_be_put_in_for_a_protected_holder_s(world, certify, sign_as_card) -> None:
    other = certify("Bo Ek", world.card_root, hsa_id="SE2321000999-BO01")
    unsigned = draft_receipt(world.facts(holder=PROTECTED), "7F3A-91C2-K8M4A")
    swapped = world.finish(unsigned, sign_as_card(other, unsigned.signing_input(other.der)))
    genuine, forged = (json.loads(made.document) for made in (world.receipt(holder=PROTECTED), swapped))
    forged["signatures"][0] = genuine["signatures"][0]

    assert isinstance(verify_receipt(document_bytes(forged), world.trust), Altered)
    given = replace(world.trust, holder_certificates=(other.certificate,))
    assert isinstance(verify_receipt(swapped.document, given), Altered), "its certificate is not the holder's"


def test_the_receipt_of_a_named_holder_has_the_certificate_in_it(world, sign_as_card) -> None:
    # Else a receipt could be made to hide whose card signed.
    card = world.cards["ES256"]
    protected, named = draft_receipt(world.facts(holder=PROTECTED)), draft_receipt(world.facts())
    hidden = sign_as_card(
        card, protected.signing_input(card.der).split(b".")[0] + b"." + named.payload("card").encode()
    )

    with pytest.raises(ReceiptError, match="card's signature"):
        world.finish(named, hidden)
