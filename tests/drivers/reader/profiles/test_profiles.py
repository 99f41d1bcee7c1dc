"""Profiles are data that others write: what is wrong in one is named, and an unsafe floor is not accepted."""

import pytest

from drivers.reader.outcomes import Role
from drivers.reader.profiles import CardSigns, CertificateRules, ProfileError, Profiles, builtin, parse, parse_issuer
from tests.fakes.cards.profiles import ATR, GOOD


def test_a_profile_is_matched_by_masked_atr_and_label() -> None:
    profiles = Profiles([*builtin(), parse(GOOD, "made-up.toml")])
    assert found(profiles, CardSigns(ATR, label="e-leg 7")) == "made-up"
    assert found(profiles, CardSigns(ATR, label="other")) == "pkcs15"
    assert found(profiles, CardSigns(b"\x3b\x00", label="e-leg 7")) == "pkcs15"


def found(profiles: Profiles, signs: CardSigns) -> str:
    profile = profiles.match(signs, "pkcs15")
    assert profile is not None
    return profile.name


def test_an_unknown_product_promises_little() -> None:
    profile = builtin().match_name("pkcs15")
    assert profile.unblocking.by == "nobody"
    assert profile.counter(Role.PUK) == profile.counter(Role.IDENTIFICATION) == "none"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("floor = 3", "floor = 2"), "floor"),
        (("tries = 10\nfloor = 3", "tries = 3\nfloor = 1"), "floor"),
        (("min_length = 6", "min_length = 0"), "min_length"),
        (("min_length = 6", "min_lenght = 6"), "min_lenght"),
        (('label = "^e-leg"', 'label = "("'), "label"),
        (('value = "3B7F', 'value = "ZZ7F'), "value"),
        (("[pin]", "[pin"), "made-up.toml: is not TOML"),
        (('source = "made up"\n', ""), "match.atr.0.: neither a source nor unverified"),
        (('source = "made up"', 'source = ""'), "source: must say"),
        (('source = "made up"', "unverified = false"), "unverified: can only be true"),
        (('source = "made up"', 'source = "a"\nunverified = true'), "source: a value with a source"),
        (("tries = 3", "tries = { value = 3, source = 7 }"), "pin.tries.source"),
        (("tries = 10", "tries = { value = 10, unverified = true }"), "puk.tries: more than 5"),
        (("max_length = 8", "max_length = 5"), "pin.max_length: is less"),
        (("min_length = 6", "min_length = 3"), "pin.min_length: a new PIN"),
        (("tries = 3", 'tries = 3\nforbidden = ["repeated"]'), "pin.forbidden: must keep sequence"),
        (
            ("FFFF0000FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "FFFFFFFF00000000000000000000000000000000"),
            "match.atr.0.: the mask",
        ),
        (('mask = "FFFF', 'mask = "FF'), "match.atr.0: value and mask"),
        (('label = "^e-leg"', 'issuer = "CN=A"\n[[evidence]]\na = 1'), "evidence: there is no such key"),
        (
            ("[pin]", '[commands]\ncounter = { value = "empty-verify", unverified = true }\n[pin]'),
            "commands.counter: an empty",
        ),
        (
            ("[pin]", '[commands]\nunblock = { value = "puk", unverified = true }\n[pin]'),
            "commands.unblock: a PUK is not",
        ),
        (("[match]", "writable = { value = true, unverified = true }\n[match]"), "writable: nothing is written"),
        (
            (
                "[match]",
                "[puk.reference]\nvalue = 0x83\nunverified = true\n[commands]\n"
                'unblock = { value = "puk-and-new", source = "x" }\n[match]',
            ),
            "puk.reference: a PUK in the wrong form",
        ),
        (
            ("[pin]", '[unblocking]\nadmin = { value = "external-authenticate", unverified = true }\n[pin]'),
            "unblocking.admin: no key's try",
        ),
        (
            (
                "[pin]",
                '[unblocking]\nadmin = "external-authenticate"\nadmin_tries = { value = 10, unverified = true }\n[pin]',
            ),
            "unblocking.admin_tries: more than 5",
        ),
        (('name = "made-up"', 'name = "made-up"\nkind = "piv"'), "made-up.toml"),
        (("[match]", "[a.b.c.d.e.f]\nx = 1\n[match]"), "too deep"),
    ],
)
def test_a_bad_profile_is_refused_by_file_and_key(change: tuple[str, str], named: str) -> None:
    assert change[0] in GOOD
    text = GOOD.replace(*change, 1)
    if 'kind = "piv"' in text:
        text = text.replace('label = "^e-leg"', 'issuer = "CN=A"')
    with pytest.raises(ProfileError, match=named) as fault:
        parse(text, "made-up.toml")
    assert all(line.startswith("made-up.toml: ") for line in str(fault.value).splitlines())


def test_every_value_of_a_profile_that_ships_has_a_source_or_is_marked() -> None:
    for profile in builtin():
        assert {key for key in profile.evidence if "." not in key} <= {
            "genuine",
            "one_code",
            "proved",
            "stocked_by",
            "writable",
        }, profile.name
        assert {"pin.tries", "puk.floor"} <= set(profile.evidence), profile.name
        assert all(source is None or source.strip() for source in profile.evidence.values())
    assert builtin().match_name("region-stockholm-temporary").unverified
    assert builtin().match_name("virtual-b").unverified == ()


@pytest.mark.parametrize(
    ("atr", "name"),
    [
        ("3B7F96000080318065B0850400111202F0829000", "region-stockholm-temporary"),
        ("3B7D96000080318065B0A31101F383009000", "telia-eid-ip5a"),
        ("3B7F96000080318065B0845956FB120FFE829000", "idprime"),
        ("3B7F96000080318065B0846160FB120FFD829000", "idprime"),
        ("3BFF9600008131FE4380318065B0846566FB12017882900085", "idprime-token"),
        ("3B7F9600008031B865B0850300EF1200F6829000", "thales-df21"),
        ("3B7F9600008031B865B085051024122460829000", "thales-df21"),
        ("3BDD18008131FE4580F9A000000077010800079000FE", "ias-ecc"),
        ("3BDF96008031FE450031B864041FECC173940180829000EC", "ias-ecc"),
        ("3BD21802C10A31FE58C80D51", "cardos"),
        ("3BF59600008131FE454D7945494414", "pkcs15"),  # Aventra's, but not made by pkcs15-init
        ("3B00", "pkcs15"),
    ],
)
def test_the_cards_that_were_seen_have_a_profile_and_none_of_them_is_risked(atr: str, name: str) -> None:
    assert found(builtin(), CardSigns(bytes.fromhex(atr))) == name
    profile = builtin().match(CardSigns(bytes.fromhex(atr)), "pkcs15")
    assert profile is not None
    assert profile.commands.unblock == "none"
    assert profile.commands.counter in ("none", "df21", "ias-ecc")


def test_a_profile_may_be_matched_by_the_issuer_of_a_certificate() -> None:
    ours = parse(GOOD.replace('label = "^e-leg"', 'issuer = "CN=Påhitt CA"'), "made-up.toml")
    profiles = Profiles([*builtin(), ours])
    assert found(profiles, CardSigns(ATR, issuers=("CN=Other", "CN=Påhitt CA,C=SE"))) == "made-up"
    assert found(profiles, CardSigns(ATR, issuers=("CN=Other",))) == "pkcs15"
    assert found(profiles, CardSigns(ATR)) == "pkcs15"


def test_configuration_may_say_which_policy_is_which_level() -> None:
    changed = builtin().with_loa({"1.2.3": 2}).match_name("virtual-b")
    assert changed.certificates.loa == builtin().match_name("virtual-b").certificates.loa | {"1.2.3": 2}


def test_a_quiet_set_asks_no_card_for_its_tries() -> None:
    assert {p.counter(role) for p in builtin().quiet() for role in Role} == {"none"}


def test_a_floor_of_two_is_for_counters_that_start_at_three_or_four() -> None:
    assert parse(GOOD.replace("tries = 10\nfloor = 3", "tries = 3\nfloor = 2"), "x").puk.floor == 2


@pytest.mark.parametrize(
    ("atr", "label", "name"),
    [
        ("3BF71100008131FE6543616E6F6B657999", "", "piv-token"),
        ("3BFD1300008131FE158073C021C057597562694B657940", "", "piv-token"),
        ("3B00", "PivApplet", "piv-applet"),
        ("3B00", "Some other", "piv"),
    ],
)
def test_piv_products_are_told_by_atr_or_label(atr: str, label: str, name: str) -> None:
    signs = CardSigns(bytes.fromhex(atr), bytes.fromhex("A000000308000010000100"), label)
    found = builtin().match(signs, "piv")
    assert found is not None
    assert found.name == name


def test_a_profile_of_one_kind_never_fits_the_other() -> None:
    assert {p.kind for p in builtin() if p.name.startswith("piv")} == {"piv"}
    assert bytes.fromhex("A00000030800001000") not in builtin().aids("pkcs15", b"", b"")
    assert builtin().match(CardSigns(aid=bytes.fromhex("A000000308")), "unknown") is None


def test_a_name_that_nobody_has_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        builtin().match_name("nobody")


@pytest.mark.parametrize("value", ["[" * 5_000, "9" * 5_000, "{a=" * 5_000], ids=["deep", "long number", "deep tables"])
def test_what_the_toml_parser_itself_cannot_bear_is_the_files_fault_too(value: str) -> None:
    with pytest.raises(ProfileError, match="is not TOML"):
        parse(f"rank = {value}", "odd.toml")


SITHS = "CN={}SITHS e-id Person HSA-id 3 CA v1,O=Made up,C=SE"
ISSUER = """
name = "made-up-issuer"
title = "Made up"
kind = "issuer"
[match]
source = "made up"
issuer = "^CN=Made up"
[certificates]
source = "made up"
card_number = "extension:1.2.752.34.2.1"
"""


@pytest.mark.parametrize(
    ("issuer", "number"),
    [
        (SITHS.format(""), "extension:1.2.752.34.2.1"),
        (SITHS.format("TEST "), "extension:1.2.752.34.2.1"),
        ("C=SE,CN=SITHS e-id Person ID 2 CA v1", "extension:1.2.752.34.2.1"),
        (SITHS.format("Not "), "token:serial"),
        ("CN=SITHS e-id Function CA v1", "token:serial"),
    ],
)
def test_where_the_number_stands_is_known_by_who_issued_the_certificates(issuer: str, number: str) -> None:
    profile = builtin().match(CardSigns(ATR, issuers=("CN=Another", issuer)), "pkcs15")
    assert profile is not None
    assert (profile.name, profile.certificates.card_number) == ("pkcs15", number)


def test_what_a_profile_says_of_certificates_stands_above_what_their_issuer_is_known_for() -> None:
    good = parse(GOOD, "made-up.toml")
    own = CertificateRules(card_number="subject:title", loa={"1.2.3": 3})
    profiles = Profiles([good.model_copy(update={"certificates": own})], issuers=[parse_issuer(ISSUER, "issuer.toml")])
    profile = profiles.match(CardSigns(ATR, label="e-leg 7", issuers=("CN=Made up",)), "pkcs15")
    assert profile is not None
    assert profile.certificates == own


@pytest.mark.parametrize(
    ("line", "instead", "named"),
    [
        ('issuer = "^CN=Made up"', 'issuer = ""', "match.issuer"),
        ('issuer = "^CN=Made up"', 'issuer = "("', "match.issuer"),
        ('"extension:1.2.752.34.2.1"', '"token:serial"', "certificates.card_number"),
        ('source = "made up"\ncard', "card", "certificates.card_number: neither a source"),
    ],
)
def test_a_file_of_an_issuer_names_what_is_wrong_in_it(line: str, instead: str, named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        parse_issuer(ISSUER.replace(line, instead), "issuer.toml")
