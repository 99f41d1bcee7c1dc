"""What is decided without asking anybody: offers, requests, chains, keys, and the pages of a region's data."""

import base64
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import DeclinedResult, IssuedResult
from fleet.messages.issuing import CardRecord, DirectoryPerson, Offer, SwitchOff, switches_off
from fleet.messages.link import MessageError
from fleet.messages.region import PART_BYTES, RegionAsk
from fleet.server.issuers.card_keys import CardKeys, CardKeysError
from fleet.server.issuers.certificate_offers import OfferRules, offers_of
from fleet.server.issuers.certificate_requests import check_issued, check_request, signed_by
from fleet.server.issuers.proofs.assurance import SHIPPED
from fleet.server.issuers.proofs.certificate_chains import path, serial_number, standing_by_lists
from fleet.server.issuers.region_data import RegionData, RegionError, RegionFile
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.process.default_settings import SettingsError
from sim.issuer.authority import CertificateHierarchy, RevocationEntry

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
WHO, NUMBER = "TEST000000-0001", "9999000010260001"
ALVA = DirectoryPerson(WHO, "Alva Test")
ORDINARY = CardRecord(NUMBER, WHO, "601", "active")
RESERVE = CardRecord(NUMBER, WHO, "reserve", "active", loa=2, reserve=True)
PHASED = OfferRules(loa2_last_day=date(2026, 4, 30))


def person(**facts: object) -> DirectoryPerson:
    return DirectoryPerson(WHO, "Alva Test", **facts)  # type: ignore[arg-type]


OFFERED = {
    "an ordinary card": (ALVA, ORDINARY, OfferRules(), ["identification-3 2031-03-02", "signature-3 2031-03-02"]),
    "until the assignment ends": (
        person(employed_until="2026-06-30"), ORDINARY, OfferRules(),
        ["identification-3 2026-06-30", "signature-3 2026-06-30"],
    ),
    "another assignment follows": (
        person(employed_until="2026-06-30", continued=True), ORDINARY, OfferRules(),
        ["identification-3 2031-03-02", "signature-3 2031-03-02"],
    ),
    "left": (person(left="2026-03-01"), ORDINARY, OfferRules(), []),
    "the last day": (
        person(left="2026-03-02"), ORDINARY, OfferRules(), ["identification-3 2026-03-02", "signature-3 2026-03-02"],
    ),
    "nobody's": (None, ORDINARY, OfferRules(), []),
    "another person's": (DirectoryPerson("TEST000000-0002", "Bo Test"), ORDINARY, OfferRules(), []),
    "on hold": (ALVA, CardRecord(NUMBER, WHO, "601", "held"), OfferRules(), []),
    "blocked": (ALVA, CardRecord(NUMBER, WHO, "601", "blocked"), OfferRules(), []),
    "a reserve card": (ALVA, RESERVE, OfferRules(), ["reserve-2 2026-08-29", "reserve-3 2026-08-29 by 2"]),
    "LoA2 is phased out": (ALVA, RESERVE, PHASED, ["reserve-2 2026-04-30 until 2026-04-30", "reserve-3 2026-08-29 by 2"]),
    "LoA2 is off": (ALVA, RESERVE, OfferRules(reserve_level_2=False), ["reserve-3 2026-08-29 by 2"]),
    "LoA2 was phased out": (ALVA, RESERVE, OfferRules(loa2_last_day=date(2026, 3, 1)), ["reserve-3 2026-08-29 by 2"]),
}  # fmt: skip


def short(offer: Offer) -> str:
    more = (
        f" until {offer.phased_out}"
        if offer.phased_out
        else f" by {offer.administrators}"
        if offer.administrators
        else ""
    )
    return f"{offer.profile}-{offer.loa} {offer.not_after}{more}"


@pytest.mark.parametrize("story", OFFERED)
def test_what_a_card_may_be_given(story: str) -> None:
    who, card, rules, expected = OFFERED[story]
    assert [short(one) for one in offers_of(who, card, TODAY, rules)] == expected


@pytest.mark.parametrize(
    ("loa", "given", "offered"),
    [(2, 0, True), (2, 1, True), (2, 2, False), (3, 0, True), (3, 1, False)],
    ids=["first", "prolonged", "prolonged twice", "came with one: prolonged", "came with one: prolonged twice"],
)
def test_a_reserve_card_of_level_3_is_prolonged_once(loa: int, given: int, offered: bool) -> None:
    card = msgspec.structs.replace(RESERVE, loa=loa)
    offers = offers_of(ALVA, card, TODAY, OfferRules(reserve_level_2=False), given)
    assert [(one.profile, one.loa) for one in offers] == [("reserve", 3)] * offered


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, hsa_id: str = WHO) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, hsa_id)] if hsa_id else [])
    return (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )


KEY = ec.generate_private_key(ec.SECP256R1())
ASKED = request(KEY)


def test_a_request_is_of_this_person_and_of_a_good_key() -> None:
    assert check_request(ASKED, WHO, NUMBER) is None
    assert check_request(request(KEY, ""), WHO, NUMBER) is None
    assert check_request(ASKED, "TEST000000-0002", NUMBER) == DeclinedResult("other_person")
    weak = request(ec.generate_private_key(ec.SECP224R1()))
    assert check_request(weak, WHO, NUMBER) == DeclinedResult("weak_key")
    broken = bytearray(ASKED)
    broken[-1] ^= 1
    assert check_request(bytes(broken), WHO, NUMBER) == DeclinedResult("bad_request")
    assert check_request(b"", WHO, NUMBER) == DeclinedResult("bad_request")


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> CertificateHierarchy:
    return CertificateHierarchy.load_or_create(tmp_path_factory.mktemp("ca"), NOW)


def leaf(
    hierarchy: CertificateHierarchy, *, key: ec.EllipticCurvePrivateKey = KEY, who: str = WHO, days: int = 30
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, who)])
    return hierarchy.issue(3, key.public_key(), subject, (NOW - timedelta(minutes=10), NOW + timedelta(days=days)), ())


def word(*chain: x509.Certificate) -> IssuedResult:
    return IssuedResult(tuple(base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain))


def test_what_an_issuer_gave_must_be_what_was_asked_for(hierarchy: CertificateHierarchy) -> None:
    offer = Offer("identification", 3, "2026-04-01")
    above = hierarchy.issuers[3].certificate
    wrong = DeclinedResult("issuer_gave_another")
    assert check_issued(word(leaf(hierarchy), above), ASKED, offer, WHO, NOW) is None
    other = ec.generate_private_key(ec.SECP256R1())
    assert check_issued(word(leaf(hierarchy, key=other), above), ASKED, offer, WHO, NOW) == wrong
    assert check_issued(word(leaf(hierarchy, who="TEST000000-0002"), above), ASKED, offer, WHO, NOW) == wrong
    assert check_issued(word(leaf(hierarchy, days=31), above), ASKED, offer, WHO, NOW) == wrong, "it outlives"
    assert check_issued(word(leaf(hierarchy)), ASKED, offer, WHO, NOW) == wrong, "no issuer came with it"
    assert check_issued(word(leaf(hierarchy), hierarchy.issuers[2].certificate), ASKED, offer, WHO, NOW) == wrong
    assert check_issued(IssuedResult(("AAAA",)), ASKED, offer, WHO, NOW) == wrong
    assert check_issued(IssuedResult(()), ASKED, offer, WHO, NOW) == wrong


def test_a_chain_leads_to_an_anchor_in_time_or_nowhere(hierarchy: CertificateHierarchy, tmp_path: Path) -> None:
    made, between, root = leaf(hierarchy), hierarchy.issuers[3].certificate, hierarchy.root.certificate
    assert path(made, [between], [root], NOW) == (made, between, root)
    assert path(made, [], [root], NOW) is None
    assert path(made, [between], [root], NOW + timedelta(days=31)) is None
    assert path(made, [between], [root], NOW - timedelta(hours=1)) is None
    stranger = CertificateHierarchy.load_or_create(tmp_path, NOW)
    assert path(made, [between], [stranger.root.certificate], NOW) is None
    assert path(leaf(stranger), [between], [root], NOW) is None, "the same names, another key"
    pretender = x509.load_der_x509_certificate(made.public_bytes(Encoding.DER))
    assert path(between, [pretender], [root], NOW) == (between, root)
    assert serial_number(made) == WHO
    assert serial_number(root) == ""


def test_revocation_is_told_by_a_list_of_the_issuer_in_time(hierarchy: CertificateHierarchy) -> None:
    made = leaf(hierarchy)
    listed = hierarchy.crl(3, [RevocationEntry(made.serial_number, NOW, held=True)], 1, NOW)
    clean, other = hierarchy.crl(3, [], 2, NOW), hierarchy.crl(2, [], 1, NOW)
    assert standing_by_lists(made, [other, listed], NOW) == "suspended"
    for_good = hierarchy.crl(3, [RevocationEntry(made.serial_number, NOW, held=False)], 3, NOW)
    assert standing_by_lists(made, [for_good], NOW) == "revoked"
    assert standing_by_lists(made, [clean], NOW) == "good"
    assert standing_by_lists(made, [other], NOW) == "unknown"
    assert standing_by_lists(made, [clean], NOW + timedelta(days=2)) == "unknown"


def test_a_signature_counts_by_its_own_algorithm_only(hierarchy: CertificateHierarchy) -> None:
    made = leaf(hierarchy)
    signature = KEY.sign(b"m", ec.ECDSA(hashes.SHA256()))
    assert signed_by(made, b"m", signature, "ES256")
    for message, algorithm in ((b"n", "ES256"), (b"m", "ES384"), (b"m", "RS256"), (b"m", "none")):
        assert not signed_by(made, message, signature, algorithm)


def keys_file(folder: Path, content: object) -> Path:
    (folder / "keys.json").write_text(json.dumps(content))
    return folder / "keys.json"


def test_a_cards_own_key_stands_before_the_makers(tmp_path: Path) -> None:
    one, any_ = (base64.b64encode(bytes([number]) * 24).decode() for number in (1, 2))
    content = {
        "management": {"*": [{"algorithm": "3DES", "key": any_}], NUMBER: [{"algorithm": "AES-192", "key": one}]}
    }
    keys = CardKeys.load(keys_file(tmp_path, content))
    assert keys.answer("management", NUMBER, "AES-192", bytes(16)) is not None
    assert keys.answer("management", NUMBER, None, bytes(16)) is not None
    assert keys.answer("management", NUMBER, "3DES", bytes(8)) is None
    assert keys.answer("management", "9999000010260002", "3DES", bytes(8)) is not None
    assert keys.answer("management", NUMBER, "AES-192", bytes(8)) is None
    assert keys.answer("unblock", NUMBER, None, bytes(16)) is None
    assert CardKeys.load(tmp_path / "none.json").answer("management", NUMBER, None, bytes(16)) is None


def test_a_pin_is_unlocked_by_a_key_that_is_that_card_s_alone(tmp_path: Path) -> None:
    """An answer by another key costs one of the card's few tries."""
    key = base64.b64encode(bytes([1]) * 32).decode()
    own = {"algorithm": "AES-256", "key": key, "check": "7298CA"}
    content = {"unblock": {"*": [own], NUMBER: [{**own, "serial": "98110001"}], "9999000010260003": [own]}}
    keys = CardKeys.load(keys_file(tmp_path, content))
    assert keys.answer("unblock", NUMBER, None, bytes(16), "98110001") is not None
    assert keys.answer("unblock", NUMBER, None, bytes(16), "98110002") is None, "another card of that number"
    assert keys.answer("unblock", NUMBER, None, bytes(16)) is None, "nobody knows which card it is"
    assert keys.answer("unblock", "9999000010260003", None, bytes(16), "98110002") is not None
    assert keys.answer("unblock", "9999000010260002", None, bytes(16)) is None, "the maker's, which cards share"


def test_a_key_that_is_not_what_its_check_value_says_is_named(tmp_path: Path) -> None:
    key = base64.b64encode(bytes([2]) * 32).decode()
    content = {"unblock": {NUMBER: [{"algorithm": "AES-256", "key": key, "check": "7298CA"}]}}
    with pytest.raises(CardKeysError, match=f"unblock.{NUMBER}: AES-256: not the key of its check value"):
        CardKeys.load(keys_file(tmp_path, content))


@pytest.mark.parametrize("content", [[], {"management": {"*": [{"algorithm": "AES-192", "key": "AAAA"}]}}, {"x": {}}])
def test_a_file_of_keys_that_is_none_is_named_without_a_key(tmp_path: Path, content: object) -> None:
    with pytest.raises(CardKeysError, match=r"keys\.json") as fault:
        CardKeys.load(keys_file(tmp_path, content))
    assert "AAAA" not in str(fault.value)


def test_a_region_comes_in_pages_and_large_files_in_parts() -> None:
    large, small = RegionFile("crl", "a", bytes(2 * PART_BYTES + 5)), RegionFile("profile", "b", b"text")
    data = RegionData([SwitchOff("errand", "pickup")], [small, large, small])
    pages = [data.page("entre-a", RegionAsk(), NOW)]
    while pages[-1].next:
        pages.append(data.page("entre-a", RegionAsk(cursor=pages[-1].next), NOW))
    assert len(pages) == 4
    assert [one.what for page in pages for one in page.switch_offs] == ["pickup"]
    assert all(sum(len(base64.b64decode(part.data)) for part in page.files) <= PART_BYTES for page in pages)
    whole = b"".join(base64.b64decode(part.data) for page in pages for part in page.files if part.name == "a")
    assert hashlib.sha256(whole).hexdigest() == large.digest
    assert data.page("entre-a", RegionAsk(have=pages[0].set), NOW).unchanged
    for cursor in ("x", f"{pages[0].set}:9", f"{pages[0].set}:-1", "other:0"):
        with pytest.raises(MessageError):
            data.page("entre-a", RegionAsk(cursor=cursor), NOW)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "odd.toml").write_text("")
    with pytest.raises(RegionError, match=r"odd\.toml\.jws: No such file"):
        RegionData.load(tmp_path)
    (tmp_path / "profiles" / "odd.toml.jws").write_text("x")
    assert [part.kind for part in RegionData.load(tmp_path).page("a", RegionAsk(), NOW).files] == [
        "profile",
        "profile_signature",
    ]
    long = '[{"kind": "errand", "what": "pickup", "text": {"sv": "Hämtas på kontoret, och inte här vid stationen."}}]'
    (tmp_path / "switch-offs.json").write_text(long)
    with pytest.raises(RegionError, match="pickup: the text of an errand has at most 40 characters"):
        RegionData.load(tmp_path)
    (tmp_path / "switch-offs.json").write_text('[{"kind": "planet", "what": "earth"}]')
    with pytest.raises(RegionError, match=r"switch-offs\.json"):
        RegionData.load(tmp_path)


@pytest.mark.parametrize(
    ("number", "inside"),
    [("9990001", True), ("9990009", True), ("9990010", False), ("9990000", False), ("99900050", False), ("", False)],
)
def test_a_batch_is_a_range_of_numbers_of_one_length(number: str, inside: bool) -> None:
    assert switches_off(SwitchOff("batch", "9990001-9990009"), card_number=number) is inside


@pytest.mark.parametrize(
    ("product", "off"), [("601", True), ("6XX", True), ("701", False), ("6010", False), ("6A1", False), ("", False)]
)
def test_an_x_stands_for_a_digit_of_a_product(product: str, off: bool) -> None:
    assert switches_off(SwitchOff("product", "6XX"), product=product) is off


LINK = "[link]\nsecure = 'https://a'\npublic = 'http://a'\nca = ''\ncertificate = ''\nkey = ''"
TRUST = "[trust]\nanchors = 'a.pem'\nauthorities = 'b.pem'"


def test_levels_are_the_regions_or_those_of_test_cards(tmp_path: Path) -> None:
    (tmp_path / "issuer.toml").write_text(f"{LINK}\n{TRUST}\n[levels]\n'1.2.3' = 3")
    assert IssuerSettings.load(tmp_path / "issuer.toml").level_table() == {"1.2.3": 3}
    (tmp_path / "issuer.toml").write_text(f"{LINK}\n{TRUST}")
    assert IssuerSettings.load(tmp_path / "issuer.toml").level_table() == SHIPPED


def test_every_rule_of_the_region_counts_where_offers_are_made(tmp_path: Path) -> None:
    rules = "ordinary_days = 1000\nreserve_days = 90\nloa2_last_day = 2027-06-30\nreserve_level_2 = false"
    (tmp_path / "issuer.toml").write_text(f"{LINK}\n{TRUST}\n[rules]\n{rules}")
    assert IssuerSettings.load(tmp_path / "issuer.toml").offer_rules() == OfferRules(
        1000, 90, date(2027, 6, 30), reserve_level_2=False, renewals=False, reserve=False
    )


def test_no_certificate_is_offered_until_the_region_names_its_contract(tmp_path: Path) -> None:
    def offered(rules: str, card: CardRecord) -> tuple[Offer, ...]:
        (tmp_path / "issuer.toml").write_text(f"{LINK}\n{TRUST}\n[rules]\n{rules}")
        return offers_of(ALVA, card, TODAY, IssuerSettings.load(tmp_path / "issuer.toml").offer_rules())

    renewals, reserve = "renewal_contract = 'made up 1'", "reserve_contract = 'made up 2'"
    assert offered("", ORDINARY) == offered("", RESERVE) == ()
    assert [bool(offered(renewals, card)) for card in (ORDINARY, RESERVE)] == [True, False]
    assert [bool(offered(reserve, card)) for card in (ORDINARY, RESERVE)] == [False, True]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x", "="),
        ("[link]\nsecure = 'http://a'", "link.secure"),
        (LINK, "trust"),
        (f"{LINK}\n{TRUST}\n[levels]\n'1.2.x' = 3", "levels"),
        (f"{LINK}\n{TRUST}\n[levels]\n'1.2.3' = 4", "levels"),
        (f"blocks = 'portal'\n{LINK}\n{TRUST}", "holds = false"),
    ],
)
def test_settings_name_the_key_that_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "issuer.toml").write_text(content)
    with pytest.raises(SettingsError, match=said):
        IssuerSettings.load(tmp_path / "issuer.toml")
    with pytest.raises(SettingsError, match="No such file"):
        IssuerSettings.load(tmp_path / "none.toml")
