"""A card that refuses one form of signature is asked in another; what it took is remembered, and nothing is tried for long."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from drivers.reader import tlv
from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardAnswerError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Signability, Signed, SignOutcome
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.values import AlgorithmInfo, KeyObject
from drivers.reader.profiles import Profile, Signing, SigningForm, builtin, parse
from drivers.reader.secret import Secret
from drivers.reader.signatures.signature_forms import (
    FormEvidence,
    KeyUse,
    SignatureForm,
    SignatureFormCache,
    candidates,
)
from drivers.reader.signatures.signing import MAX_EXCHANGES, SigningKey, SigningProfile, probe, sign_by
from drivers.reader.transport.channel import ApduChannel
from sim.reader import traits
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.signing_traits import CONSENT, UNTOLD
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW, ScriptedConnection

KEY = ec.generate_private_key(ec.SECP256R1())
ON_CARD = KeyObject(b"\x45", "", b"\x01", frozenset({2}), 1, b"\x3f\x00\x50\x15\x4b\x01", elliptic=True)
RSA_KEY = replace(ON_CARD, elliptic=False)
IDENTIFIES, SIGNS = KeyUse(elliptic=True, hash_bits=256, identifies=True), KeyUse(True, 256, identifies=False)
BY_RSA = KeyUse(elliptic=False, hash_bits=256, identifies=True)
MESSAGE = b"made up"
MSE_AND_SIGNATURE = 2


def product(signing: Signing | None = None, told: tuple[AlgorithmInfo, ...] = ()) -> SigningProfile:
    profile: Profile = builtin().match_name("pkcs15")
    return SigningProfile(profile if signing is None else profile.model_copy(update={"signing": signing}), told)


def asked(card: SigningProfile, *answers: str, key: ec.EllipticCurvePrivateKey = KEY) -> tuple[SignOutcome, list[str]]:
    """What comes of it, and what was sent; the last answer is given to all that follow."""
    connection = ScriptedConnection({"": list(answers)})
    outcome = sign_by(ApduChannel(connection), card, ON_CARD, SigningKey(key.public_key()), "identification", MESSAGE)
    return outcome, connection.sent


def signature() -> str:
    return KEY.sign(MESSAGE, ec.ECDSA(hashes.SHA256())).hex() + "9000"


def test_a_refused_environment_costs_one_exchange_and_the_next_form_is_asked() -> None:
    outcome, sent = asked(product(), "6a80", "6a88", "9000", signature())
    assert isinstance(outcome, Signed)
    assert [apdu[:8] for apdu in sent] == ["002241b6"] * 3 + ["002a9e9a"]
    assert [apdu[10:] for apdu in sent[:3]] == ["800104840101", "80010481024b01", "800121840101"]


def test_what_was_taken_is_remembered_for_the_product_and_costs_two_exchanges() -> None:
    card = product()
    asked(card, "6a80", "6a88", "9000", signature())
    outcome, sent = asked(card, "9000", signature())
    assert isinstance(outcome, Signed)
    assert (len(sent), sent[0][10:]) == (MSE_AND_SIGNATURE, "800121840101")
    again, sent = asked(replace(card, forms=SignatureFormCache()), "9000", signature())
    assert isinstance(again, Signed)
    assert sent[0][10:] == "800104840101"


def test_a_remembered_form_that_is_refused_now_gives_way_to_the_others() -> None:
    card = product()
    card.forms.keep(bytes.fromhex("3B00"), "pkcs15", IDENTIFIES, FormEvidence(SignatureForm((), 0, "hash")))
    outcome, sent = asked(card, "6985", "9000", signature())
    assert isinstance(outcome, Signed)
    assert [apdu[:8] for apdu in sent] == ["002a9e9a", "002241b6", "002a9e9a"]


def test_a_signature_that_does_not_verify_ends_it_and_nothing_else_is_tried() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    false = other.sign(MESSAGE, ec.ECDSA(hashes.SHA256())).hex() + "9000"
    connection = ScriptedConnection({"": ["6a80", "9000", false]})
    with pytest.raises(CardAnswerError, match="not its key's"):
        sign_by(ApduChannel(connection), product(), ON_CARD, SigningKey(KEY.public_key()), "identification", MESSAGE)
    assert len(connection.sent) == len(["refused", "environment", "signature"])


@pytest.mark.parametrize("word", ["6982", "63c1", "6983"])
def test_a_card_that_wants_a_code_or_counts_a_try_is_asked_no_further(word: str) -> None:
    outcome, sent = asked(product(), "9000", word)
    assert not isinstance(outcome, Signed)
    assert len(sent) == MSE_AND_SIGNATURE


@pytest.mark.parametrize("word", ["6985", "6a80", "6700", "6d00", "6f00"])
def test_a_card_that_refuses_everything_is_told_as_it_refused_first_within_the_bound(word: str) -> None:
    outcome, sent = asked(product(), "9000", word)
    assert outcome == Refused(RefusalReason.NO_FORM, int(word, 16))
    assert MSE_AND_SIGNATURE < len(sent) + 1 <= MAX_EXCHANGES + 2
    assert (len(sent) < 6) == (word == "6d00"), "an instruction that the card lacks is not sent again"


def probed(card: SigningProfile, *answers: str) -> tuple[Signability, list[str]]:
    """What is known before a code, and what was sent for it."""
    connection = ScriptedConnection({"": list(answers)})
    return probe(ApduChannel(connection), card, ON_CARD, KEY.public_key(), "identification"), connection.sent


def test_a_new_product_pays_one_exchange_more_for_what_is_known_before_a_code() -> None:
    told, untold = product(), product()
    signable, before = probed(told, "6a80", "6a88", "9000")
    assert (signable, {apdu[:8] for apdu in before}) == ("likely", {"002241b6"})
    _, after = asked(told, "9000", signature())
    _, without = asked(untold, "6a80", "6a88", "9000", signature())
    assert len(before) + len(after) == len(without) + 1
    assert probed(told, "6a80") == ("known", [])


def test_an_environment_that_was_refused_before_the_code_is_tried_last_after_it() -> None:
    card = product()
    _, before = probed(card, "6a80", "6a88", "9000")
    _, after = asked(card, "9000", "6985", "9000", signature())
    assert {apdu for apdu in after if apdu.startswith("0022")}.isdisjoint(before[:2])


def test_environments_that_are_all_refused_make_a_signature_doubtful_once_and_each_is_sent_once() -> None:
    card = product()
    signable, sent = probed(card, "6a81")
    assert signable == "doubtful"
    assert len(sent) == len(set(sent)) < MAX_EXCHANGES
    assert probed(card, "9000") == ("doubtful", [])
    assert isinstance(asked(card, "6a81", "6a81", "9000", signature())[0], Signed)
    assert probed(card) == ("known", [])


@pytest.mark.parametrize(("word", "sent"), [("6982", 1), ("6985", 1), ("6d00", 1)])
def test_a_card_that_wants_its_code_first_or_has_no_environment_may_sign(word: str, sent: int) -> None:
    signable, apdus = probed(product(), word)
    assert (signable, len(apdus)) == ("likely", sent)


def test_a_product_whose_profile_says_how_it_signs_is_known_and_a_refusal_is_the_cards_fault() -> None:
    card = product(Signing(ecdsa=0x44))
    assert probed(card) == ("known", [])
    assert asked(card, "6a80")[0] == Refused(RefusalReason.CARD, 0x6A80)


def test_the_profiles_forms_go_first_then_what_the_card_tells_then_the_usual_ones() -> None:
    told = (AlgorithmInfo(7, 0x1041, 0x57), AlgorithmInfo(8, 0x0001, 0x53), AlgorithmInfo(9, 0x1041, None))
    listed = Signing(forms=(SigningForm(keys="ec", algorithm=0x61), SigningForm(keys="rsa", algorithm=0x62)))
    forms = candidates(listed, ON_CARD, IDENTIFIES, told)
    assert [form.algorithm for form in forms[:4]] == [0x61, 0x04, 0x57, 0x04]
    silent = candidates(Signing(), ON_CARD, IDENTIFIES, told)
    assert [form.algorithm for form in silent[:2]] == [0x57, 0x04]
    assert len(set(silent)) == len(silent)
    assert all(form.input == "hash" for form in silent)


def test_a_key_that_lists_its_algorithms_is_asked_for_those() -> None:
    told = (AlgorithmInfo(1, 0x1041, 0x57), AlgorithmInfo(2, 0x1044, 0x58))
    forms = candidates(Signing(), replace(ON_CARD, algorithms=(2,)), IDENTIFIES, told)
    assert forms[0].algorithm == 0x58
    assert 0x57 not in [form.algorithm for form in forms]


def test_a_key_without_a_file_is_not_named_by_one_and_a_signature_key_authenticates_nobody() -> None:
    bare = candidates(Signing(), replace(ON_CARD, path=b""), SIGNS)
    assert not [form for form in bare if "file" in form.template]
    assert not [form for form in bare if form.operation == "internal-authenticate"]
    assert [form for form in candidates(Signing(), ON_CARD, IDENTIFIES) if form.operation == "internal-authenticate"]


def test_rsa_gets_a_digest_info_where_the_card_pads_it_and_a_bare_hash_where_it_makes_one() -> None:
    forms = candidates(Signing(), RSA_KEY, BY_RSA, (AlgorithmInfo(1, 0x43, 0x66),))
    by_algorithm = {form.algorithm: form.input for form in forms if form.template == ("algorithm", "key")}
    assert by_algorithm == {0x66: "hash", 0x02: "digest-info", 0x11: "digest-info", 0x42: "hash", 0x12: "hash"}
    assert forms[0].padding == "pss"


def test_pss_that_the_card_tells_of_is_verified_as_pss() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    made = key.sign(MESSAGE, pss, hashes.SHA256()).hex()
    connection = ScriptedConnection({"": ["9000", made + "9000"]})
    card = product(told=(AlgorithmInfo(1, 0x43, 0x66),))
    outcome = sign_by(ApduChannel(connection), card, RSA_KEY, SigningKey(key.public_key()), "identification", MESSAGE)
    assert isinstance(outcome, Signed)
    assert outcome.algorithm == "PS256"


def test_a_profile_may_list_its_forms() -> None:
    text = f"""
name = "made-up"
title = "Made up"
source = "made up"
match.atr = [{{ value = "3B0011223344" }}]
{_CODES}
[[signing.forms]]
keys = "rsa"
algorithm = 0x42
operation = "pso-hash"
source = "measured"

[[signing.forms]]
template = []
source = "measured"
"""
    forms = parse(text, "made-up.toml").signing.forms
    assert [(f.algorithm, f.operation, f.template) for f in forms] == [
        (0x42, "pso-hash", ("algorithm", "key")), (0, "pso", ()),
    ]  # fmt: skip


_CODES = """
pin = { min_length = 6, max_length = 8, tries = 3 }
puk = { min_length = 8, max_length = 8, tries = 5, floor = 3 }
"""


def test_memory_of_forms_is_bounded() -> None:
    forms = SignatureFormCache()
    for one in range(40):
        forms.keep(bytes((one,)), "made-up", IDENTIFIES, SignatureForm((), one))
    assert forms.recall(b"\x00", "made-up", IDENTIFIES) is None
    assert forms.recall(bytes((39,)), "made-up", IDENTIFIES) == SignatureForm((), 39)


def whole(*parts: bytes, tag: int = 0x30) -> bytes:
    return tlv.encode(tag, b"".join(parts))


def number(value: int) -> bytes:
    return whole(value.to_bytes(value.bit_length() // 8 + 1, "big"), tag=0x02)


REST = whole(tag=0x05) + bytes.fromhex("03020640")
USUAL = whole(number(1), number(1), REST, number(0x53))


@pytest.mark.parametrize(
    ("told", "algorithms"),
    [
        (USUAL, (AlgorithmInfo(1, 1, 0x53),)),
        (whole(number(2), number(0x1041), REST, bytes.fromhex("0603550403")) + USUAL,
         (AlgorithmInfo(2, 0x1041, None), AlgorithmInfo(1, 1, 0x53))),
        (whole(number(1)) + whole(number(300), number(1)) + USUAL, (AlgorithmInfo(1, 1, 0x53),)),
        (bytes.fromhex("30FF01"), ()),
    ],
)  # fmt: skip
def test_algorithms_of_a_token_are_read_and_odd_ones_left_out(
    told: bytes, algorithms: tuple[AlgorithmInfo, ...]
) -> None:
    text = whole(number(0), bytes.fromhex("0401AA030205A0"), whole(told, tag=0xA2))
    info = objects.parse_token_info(text)
    assert (info.serial, info.algorithms) == (b"\xaa", algorithms)


def test_a_keys_algorithms_and_consent_are_read() -> None:
    common = whole(bytes.fromhex("0C0141 03020780 040101"), number(1))
    own = whole(bytes.fromhex("040145 03020520"), number(3), whole(number(2), number(5), tag=0xA1))
    value = whole(whole(whole(bytes.fromhex("04043F005015"))), tag=0xA1)
    key, free = objects.parse_keys(
        whole(common, own, value) + whole(whole(bytes.fromhex("0C0142")), whole(bytes.fromhex("040146030205A0")), value)
    )
    assert (key.algorithms, key.consent, key.reference, key.auth_id) == ((2, 5), True, 3, b"\x01")
    assert (free.algorithms, free.consent, free.auth_id) == ((), False, b"")


@pytest.fixture
def make_traited(authority: TestAuthority) -> Callable[[str], VirtualCard]:
    persona = person(EC_PERSON).new
    keys = VirtualCard.create(persona, authority, NOW).keys

    def make(trait: str) -> VirtualCard:
        return VirtualCard(fresh_memory("B", persona, authority, NOW, keys, (trait,)))

    return make


@pytest.mark.parametrize("trait", sorted(traits.SIGNING.keys() - {CONSENT, UNTOLD}))
async def test_a_known_product_pays_its_environment_and_its_signature(
    trait: str, make_traited: Callable[[str], VirtualCard], authority: TestAuthority
) -> None:
    """The first signature may cost refused forms; the next, in this visit and in another, costs no more than its own steps."""
    least = {"no-mse": 1, "pso-hash": 3}.get(trait, 2)
    slot = VirtualSlot("Bench 0")
    card = make_traited(trait)
    slot.insert(card)
    settings = ReaderSettings(trust=TrustStore(authority.anchors(), authority.intermediates()), now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    costs = []
    for _ in range(2):
        async with visiting(reader) as visit:
            assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
            for _ in range(2):
                before = visit.exchange.apdus
                assert isinstance(await visit.sign("identification", MESSAGE), Signed)
                costs.append(visit.exchange.apdus - before)
    await reader.close()
    assert costs[0] <= MAX_EXCHANGES
    assert costs[1:] == [least] * 3
