"""Products that differ: variants of unblocking, two PINs, an applet of its own, P-384, PSS, records, false pairs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from drivers.reader import tlv
from drivers.reader.card_reader import try_card
from drivers.reader.certificates import public_keys
from drivers.reader.model import CardRules
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Signed, Unknown, WrongCode
from drivers.reader.pkcs15 import directory as pkcs15
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import person
from sim.reader.pkcs15_codes import PUK_REFERENCE
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, ScriptedConnection, visit_to, wrong_codes

PIN, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE
NEW, WRONG_PUK = Secret("975318"), Secret("99999998")
PERSONA = person(EC_PERSON).new
VISIT_LIMIT = 4


def profile_b(**commands: object) -> Profiles:
    """The virtual card's product, with other commands."""
    profile = builtin().match_name("virtual-b")
    changed = profile.model_dump() | {"commands": profile.commands.model_dump() | commands}
    return Profiles([Profile.model_validate(changed)])


MakeCard = Callable[..., VirtualCard]


@pytest.fixture
def make(authority: TestAuthority) -> MakeCard:
    def make(kind: str = "B", persona: Persona = PERSONA) -> VirtualCard:
        return VirtualCard.create(persona, authority, NOW, kind=kind)

    return make


def resets(card: VirtualCard) -> list[tuple[str, int]]:
    """Commands of an unblock that reached the card, with P1."""
    return [(e.ins, e.p1) for e in card.log if e.ins in ("VERIFY", "RESET RETRY COUNTER")]


@pytest.mark.parametrize(
    ("variant", "p1", "set_anew"),
    [("puk-and-new", 0, True), ("puk", 1, False), ("verify-then-new", 2, True), ("verify-then-reset", 3, False)],
)
async def test_each_variant_of_unblocking_gives_the_tries_back(
    make: MakeCard, variant: str, p1: int, set_anew: bool
) -> None:
    card = make()
    async with visit_to(card, profile_b(unblock=variant)) as visit:
        for code in wrong_codes(3):
            await visit.verify(PIN, code, last_try_consented=True)
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted(new_code_set=set_anew)
        assert ("RESET RETRY COUNTER", p1) in resets(card)
        assert await visit.verify(PIN, NEW if set_anew else Secret(card.persona.pin)) == Accepted()


@pytest.mark.parametrize(
    ("by", "alone", "beside"), [("holder", True, True), ("administrator", False, True), ("nobody", False, False)]
)
async def test_who_may_unlock_a_product_with_its_puk(make: MakeCard, by: str, alone: bool, beside: bool) -> None:
    profile = builtin().match_name("virtual-b").model_dump()
    product = Profile.model_validate(profile | {"unblocking": profile["unblocking"] | {"by": by}})
    for attended, may in ((False, alone), (True, beside)):
        card = make()
        async with visit_to(card, Profiles([product])) as visit:
            outcome = await visit.unblock(PIN, Secret(card.persona.puk), NEW, attended=attended)
            assert outcome == (Accepted() if may else Refused(RefusalReason.NOT_ALLOWED))
            assert ("RESET RETRY COUNTER" in dict(resets(card))) == may


CODE_COMMANDS = (0x20, 0x24, 0x2C)


def names_codes_with_bit_8(card: VirtualCard) -> VirtualCard:
    """A card that knows its codes by 81 and 82 only, although it lists 01 and 02 (CardOS: OpenSC card-cardos.c)."""
    real = card.transmit

    def transmit(apdu: bytes) -> bytes:
        if apdu[1] not in CODE_COMMANDS:
            return real(apdu)
        return real(apdu[:3] + bytes((apdu[3] & 0x7F,)) + apdu[4:]) if apdu[3] & 0x80 else b"\x6a\x88"

    card.transmit = transmit  # type: ignore[method-assign]
    return card


async def test_a_product_may_want_bit_8_in_every_reference_of_a_code(make: MakeCard) -> None:
    card = names_codes_with_bit_8(make())
    async with visit_to(card, profile_b(reference_or=0x80, counter="none", counter_of_puk="none")) as visit:
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("246813")) == Accepted()


async def test_a_product_that_nobody_has_tried_is_read_and_verified_and_never_changed(make: MakeCard) -> None:
    card = make()
    pin, puk = Secret(card.persona.pin), Secret(card.persona.puk)
    untried = builtin().match_name("virtual-b").model_copy(update={"proved": "none"})
    async with visit_to(card, Profiles([untried])) as visit:
        assert visit.facts.rules == CardRules(one_code=True, stocked_by=1, read_only=True, tells_levels=True)
        assert [p.tries_left for p in visit.facts.pins] == [None, None]
        assert await visit.verify(PIN, pin) == Accepted()
        assert isinstance(await visit.sign("identification", b"x"), Signed)
        before = len(card.log)
        refused = [
            await visit.change(PIN, pin, NEW),
            await visit.unblock(PIN, puk, NEW, attended=True),
            await visit.unblock_by_administrator(PIN, NEW, answer_nothing),
            await visit.change_at_pad(PIN),
            await visit.unblock_at_pad(PIN),
            await visit.generate_key("01", "EC-P256"),
            await visit.write_certificate("01", b""),
            await visit.delete_certificate("01"),
            await visit.delete_key("01"),
        ]
        assert refused == [Refused(RefusalReason.NOT_PROVED)] * len(refused)
        assert len(card.log) == before


async def answer_nothing(_challenge: bytes) -> bytes:
    raise AssertionError("the card was asked")


def knows_its_puk_at_the_mf(card: VirtualCard) -> VirtualCard:
    """A card whose PUK is known at the MF alone, and its PIN in its own DF (EstEID 2018: OpenSC card-esteid2018.c)."""
    real = card.transmit

    def transmit(apdu: bytes) -> bytes:
        files = card.application.files  # type: ignore[attr-defined]  # of a PKCS#15 card
        at_mf, names_puk = files.current_df is files.mf, apdu[3] == PUK_REFERENCE
        return b"\x6a\x88" if apdu[1] in CODE_COMMANDS and at_mf != names_puk else real(apdu)

    card.transmit = transmit  # type: ignore[method-assign]
    return card


@pytest.mark.parametrize("variant", ["verify-then-new", "verify-then-reset"])
async def test_a_puk_of_the_mf_is_verified_there_and_the_pin_reset_in_its_own_df(make: MakeCard, variant: str) -> None:
    card = knows_its_puk_at_the_mf(make())
    card.lock()
    product = profile_b(unblock=variant).match_name("virtual-b")
    at_mf = product.model_copy(update={"puk": product.puk.model_copy(update={"at_mf": True})})
    async with visit_to(card, Profiles([at_mf])) as visit:
        assert [pin.tries_left for pin in visit.facts.pins] == [0, 10]
        outcome = await visit.unblock(PIN, Secret(card.persona.puk), NEW)
        assert outcome == Accepted(new_code_set=variant == "verify-then-new")
        assert await visit.verify(PIN, NEW if outcome.new_code_set else Secret(card.persona.pin)) == Accepted()
        assert (await try_card(visit, "identification")).verified


@pytest.mark.parametrize("variant", ["puk", "verify-then-new", "verify-then-reset"])
async def test_the_puks_floor_holds_in_every_variant(make: MakeCard, variant: str) -> None:
    card = make()
    async with visit_to(card, profile_b(unblock=variant)) as visit:
        outcomes = [await visit.unblock(PIN, puk, NEW) for puk in wrong_codes(10, 8)]
    assert [type(outcome) for outcome in outcomes] == [WrongCode] * 8 + [Refused] * 2
    assert outcomes[-1] == Refused(RefusalReason.BELOW_FLOOR, tries_left=2)
    assert card.tries_left[1] == 2


async def test_a_wrong_puk_is_not_followed_by_a_reset(make: MakeCard) -> None:
    card = make()
    async with visit_to(card, profile_b(unblock="verify-then-new")) as visit:
        card.log.clear()
        assert await visit.unblock(PIN, WRONG_PUK, NEW) == WrongCode(9)
        assert "RESET RETRY COUNTER" not in {entry.ins for entry in card.log}


async def test_a_card_torn_between_puk_and_reset_is_of_unknown_outcome(make: MakeCard) -> None:
    card = make()
    async with visit_to(card, profile_b(unblock="verify-then-new")) as visit:
        real = card.transmit

        def transmit(apdu: bytes) -> bytes:
            if apdu[1] == 0x2C:
                card.tear(0, "before")
            return real(apdu)

        card.transmit = transmit  # type: ignore[method-assign]
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Unknown()


async def test_two_pins_are_two_codes_with_tries_of_their_own(make: MakeCard) -> None:
    card = make(persona=replace(PERSONA, signature_pin="864201"))
    async with visit_to(card) as visit:
        assert [p.role for p in visit.facts.pins] == [PIN, SIGNATURE, Role.PUK]
        assert await visit.verify(SIGNATURE, Secret(card.persona.pin)) == WrongCode(2)
        assert [p.tries_left for p in (await visit.refresh()).pins] == [3, 2, 10]
        await visit.verify(PIN, Secret(card.persona.pin))
        assert await visit.sign("signature", b"x") == Refused(RefusalReason.CARD, 0x6982)
        assert (await try_card(visit, "identification")).passed
        assert await visit.change(SIGNATURE, Secret("864201"), NEW) == Accepted()
        assert await visit.verify(SIGNATURE, NEW) == Accepted()
        assert (await try_card(visit, "signature")).passed
        for code in wrong_codes(3):
            await visit.verify(SIGNATURE, code, last_try_consented=True)
        assert await visit.verify(SIGNATURE, NEW) == Locked()
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert await visit.unblock(SIGNATURE, Secret(card.persona.puk), Secret("864209")) == Accepted()
        assert await visit.verify(SIGNATURE, Secret("864209")) == Accepted()


@pytest.mark.parametrize("order", [1, EC_PERSON])
async def test_the_applet_is_mended_and_tested(make: MakeCard, order: int) -> None:
    card = make("A", person(order).new)
    async with visit_to(card) as visit:
        assert (visit.facts.profile, visit.facts.card_number) == ("virtual-a", card.persona.card_number)
        for code in wrong_codes(3):
            await visit.verify(PIN, code, last_try_consented=True)
        assert (await visit.refresh()).pins[0].state == "locked"
        assert await visit.change(PIN, Secret(card.persona.pin), NEW, last_try_consented=True) == Locked()
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        for purpose in ("signature", "identification"):
            assert (await try_card(visit, purpose)).passed


@pytest.mark.parametrize("kind", ["A", "B", "C", "D"])
async def test_a_code_is_mended_in_few_exchanges_on_every_kind(make: MakeCard, kind: str) -> None:
    card = make(kind)
    async with visit_to(card) as visit:
        counts = [visit.exchange.apdus]
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        counts.append(visit.exchange.apdus)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("864209")) == Accepted()
        counts.append(visit.exchange.apdus)
    assert max(b - a for a, b in pairwise(counts)) <= VISIT_LIMIT


async def test_a_384_bit_curve_signs(make: MakeCard) -> None:
    card = make(persona=replace(PERSONA, key_algorithm="EC-P384"))
    async with visit_to(card) as visit:
        await visit.verify(PIN, Secret(card.persona.pin))
        signed = await visit.sign("identification", b"x")
        assert isinstance(signed, Signed)
        assert signed.algorithm == "ES384"
        assert (await try_card(visit, "signature")).passed


async def test_a_card_that_pads_by_pss_is_believed_only_when_it_does(make: MakeCard) -> None:
    persona = person(1).new
    pss = builtin().match_name("virtual-b")
    profiles = Profiles([pss.model_copy(update={"signing": pss.signing.model_copy(update={"padding": "pss"})})])
    card = make(persona=persona)
    real = card.transmit
    private = card.keys[0].private
    assert isinstance(private, rsa.RSAPrivateKey)

    def transmit(apdu: bytes) -> bytes:
        if apdu[1:4] != b"\x2a\x9e\x9a":
            return real(apdu)
        how = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return private.sign(apdu[5 : 5 + apdu[4]], how, Prehashed(hashes.SHA256())) + b"\x90\x00"

    card.transmit = transmit  # type: ignore[method-assign]
    async with visit_to(card, profiles) as visit:
        signed = await visit.sign("identification", b"x")
        assert isinstance(signed, Signed)
        assert signed.algorithm == "PS256"
        assert (await try_card(visit, "identification")).passed


async def test_a_key_and_a_certificate_with_one_name_but_not_one_key_are_no_pair(make: MakeCard) -> None:
    card = make()
    async with visit_to(card) as visit:
        before = visit.exchange.apdus
        assert [c.purpose for c in (await visit.complete()).certificates] == ["identification", "signature"]
        assert visit.exchange.apdus > before
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = stranger.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    held = tlv.encode(tlv.OCTET_STRING, point)
    real = card.transmit

    def transmit(apdu: bytes) -> bytes:
        answer = real(apdu)
        return held + answer[len(held) :] if answer.startswith(held[:3]) else answer  # the value of a public key

    card.transmit = transmit  # type: ignore[method-assign]
    async with visit_to(card) as visit:
        assert [c.purpose for c in visit.facts.certificates] == ["identification", "signature"]
        assert [c.purpose for c in (await visit.complete()).certificates] == ["other", "other"]
        assert await visit.sign("signature", b"x") == Refused(RefusalReason.NOT_ALLOWED)


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_damaged_certificate_is_told_and_the_rest_still_works(make: MakeCard, kind: str) -> None:
    card = make(kind)
    async with visit_to(card) as visit:
        assert visit.facts.damaged == ()
        der = visit.facts.certificates[0].der
    real = card.transmit
    card.transmit = lambda apdu: real(apdu).replace(der[4:20], bytes(16))  # type: ignore[method-assign]
    async with visit_to(card) as visit:
        assert visit.facts.damaged == ("Legitimering",)
        assert [c.purpose for c in visit.facts.certificates] == ["signature"]
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert (await try_card(visit, "signature")).passed


@pytest.mark.parametrize("said", [True, False])
def test_directory_files_may_be_records(said: bool) -> None:
    first, second = ("a80a300804063f0050154401", "a40a300804063f0050154403")
    descriptor = "6203820102" if said else ""
    script: dict[str, list[str | None]] = {
        "00a4": [descriptor + "9000"], "00b20104": [first + "ffff9000"], "00b20204": [second + "9000"],
        "00b2": ["6a83"], "00b0": ["6981"],
    }  # fmt: skip
    files = CardFiles(ApduChannel(ScriptedConnection(script)))
    entries = objects.parse_odf(files.read(pkcs15.EF_ODF))
    assert [entry.directory for entry in entries] == [
        objects.DirectoryKind.AUTHENTICATION,
        objects.DirectoryKind.CERTIFICATES,
    ]


def test_public_keys_in_all_their_forms_are_one() -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - quick to make
    ec_key = ec.generate_private_key(ec.SECP384R1()).public_key()
    der, bare = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    point = ec_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    for key, value in (
        (rsa_key, rsa_key.public_bytes(der, serialization.PublicFormat.PKCS1)),
        (rsa_key, rsa_key.public_bytes(der, bare)),
        (rsa_key, tlv.encode(0xA1, tlv.parse(rsa_key.public_bytes(der, bare))[0].value)),
        (ec_key, tlv.encode(tlv.OCTET_STRING, point)),
        (ec_key, ec_key.public_bytes(der, bare)),
    ):
        read = public_keys.from_object_value(value)
        assert read is not None
        assert public_keys.encode_spki(read) == public_keys.encode_spki(key)
    for nonsense in (b"", b"\x04\x01\x00", b"\x30\x00", bytes(70), b"\x30\x82"):
        assert public_keys.from_object_value(nonsense) is None
