"""Profiles from outside: only what a pinned key signed counts, a bad file falls alone, and no signature loosens a floor."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from drivers.reader.profiles import CardSigns, Profile, ProfileError, builtin
from drivers.reader.profiles.signed import LoadedProfiles, ProfileKeys, add_signed, sign
from tests.fakes.cards.profiles import ATR, ED25519, GOOD, Private, public_pem

P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def keys(tmp_path: Path) -> ProfileKeys:
    path = tmp_path / "keys.pem"
    path.write_bytes(public_pem(ED25519, P256))
    return ProfileKeys.load(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    return folder


def put(folder: Path, text: str, key: Private = ED25519, name: str = "made-up.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    (folder / f"{name}.jws").write_text(sign(text.encode(), key))
    return path


def names(loaded: LoadedProfiles) -> set[str]:
    return {profile.name for profile in loaded.profiles}


SHIPPED = {profile.name for profile in builtin()}


@pytest.mark.parametrize("key", [ED25519, P256], ids=["Ed25519", "ES256"])
def test_a_profile_that_a_pinned_key_signed_counts(folder: Path, keys: ProfileKeys, key: Private) -> None:
    put(folder, GOOD, key)
    loaded = add_signed(builtin(), folder, keys)
    assert loaded.refused == ()
    assert names(loaded) == {*SHIPPED, "made-up"}
    assert len(keys) == 2


def refused(loaded: LoadedProfiles) -> str:
    """The one reason; and what ships is still there."""
    assert names(loaded) == SHIPPED
    (refusal,) = loaded.refused
    assert str(refusal).startswith("made-up.toml: ")
    return refusal.reason


def test_one_changed_byte_is_one_too_many(folder: Path, keys: ProfileKeys) -> None:
    path = put(folder, GOOD)
    path.write_text(GOOD.replace("floor = 3", "floor = 4"))
    assert refused(add_signed(builtin(), folder, keys)) == "signature: is not over this content"


def test_a_key_that_is_not_pinned_signs_nothing(folder: Path, keys: ProfileKeys) -> None:
    put(folder, GOOD, ed25519.Ed25519PrivateKey.generate())
    assert refused(add_signed(builtin(), folder, keys)) == "signature: by a key that is not pinned here"
    put(folder, GOOD)
    assert refused(add_signed(builtin(), folder, ProfileKeys())) == "signature: by a key that is not pinned here"


@pytest.mark.parametrize("junk", [b"", b"a.b.c", b"....", b"\xff\xfe", b'{"payload": ""}'])
def test_a_signature_that_is_none_is_refused(folder: Path, keys: ProfileKeys, junk: bytes) -> None:
    put(folder, GOOD)
    (folder / "made-up.toml.jws").write_bytes(junk)
    assert refused(add_signed(builtin(), folder, keys)) == "signature: is not a compact JWS"


def test_another_algorithm_than_the_keys_own_is_refused(folder: Path, keys: ProfileKeys) -> None:
    put(folder, GOOD, P256)
    header, _, signature = sign(GOOD.encode(), ED25519).split(".")
    other = sign(GOOD.encode(), P256).split(".")[2]
    (folder / "made-up.toml.jws").write_text(f"{header}..{other}")
    assert refused(add_signed(builtin(), folder, keys)) == "signature: is not over this content"
    (folder / "made-up.toml.jws").write_text(f"{header}..{signature}")
    assert add_signed(builtin(), folder, keys).refused == ()


def test_without_a_signature_beside_it_a_file_is_refused(folder: Path, keys: ProfileKeys) -> None:
    put(folder, GOOD)
    (folder / "made-up.toml.jws").unlink()
    assert refused(add_signed(builtin(), folder, keys)) == "signature: made-up.toml.jws is missing"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("floor = 3", "floor = 2"), "puk: the floor is 3"),
        (("tries = 3", "tries = 0"), "pin.tries"),
        (('label = "^e-leg"', ""), ""),
        (("[pin]", "[pin"), "is not TOML"),
        (('name = "made-up"', 'name = "telia-eid-ip5a"\nkind = "piv"'), "kind: telia-eid-ip5a is"),
        (('name = "made-up"', 'name = "virtual-c"'), "kind"),
    ],
)
def test_a_signature_makes_no_unsafe_profile_safe(
    folder: Path, keys: ProfileKeys, change: tuple[str, str], key: str
) -> None:
    put(folder, GOOD.replace(*change, 1))
    loaded = add_signed(builtin(), folder, keys)
    if key:
        assert refused(loaded).startswith(key)
    else:
        assert loaded.refused == ()


def test_a_signed_profile_must_say_which_cards_it_is_for(folder: Path, keys: ProfileKeys) -> None:
    at, end = GOOD.index("[match]"), GOOD.index("[pin]")
    put(folder, GOOD[:at] + GOOD[end:])
    assert refused(add_signed(builtin(), folder, keys)) == "match: must say which cards the profile is for"


def test_under_the_name_of_one_that_ships_it_may_only_be_stricter(folder: Path, keys: ProfileKeys) -> None:
    same = GOOD.replace('name = "made-up"', 'name = "telia-eid-ip5a"')
    put(folder, same.replace("floor = 3", "floor = 5"))
    loaded = add_signed(builtin(), folder, keys)
    assert loaded.refused == ()
    assert loaded.profiles.match_name("telia-eid-ip5a").puk.floor == 5
    put(folder, same.replace("min_length = 6", "min_length = 4"))
    assert refused(add_signed(builtin(), folder, keys)).startswith("pin.min_length: is 6")
    put(folder, same.replace("tries = 10\nfloor = 3", "tries = 4\nfloor = 2"))
    assert refused(add_signed(builtin(), folder, keys)).startswith("puk.floor: is 3")
    put(folder, same.replace("[match]", "writable = true\n[match]"))
    assert refused(add_signed(builtin(), folder, keys)).startswith("writable: is false")
    put(folder, same.replace("[pin]", '[unblocking]\nadmin = "external-authenticate"\n[pin]'))
    assert refused(add_signed(builtin(), folder, keys)).startswith("unblocking.admin: is none")


TELIA = CardSigns(bytes.fromhex("3B7D96000080318065B0A31101F383009000"), label="e-leg")


def above(rank: int) -> str:
    """A profile for a card that `telia-eid-ip5a` (rank 10) is for too, in all that counts looser than it."""
    text = GOOD.replace(GOOD[GOOD.index("atr =") : GOOD.index("label")], f'atr = [{{ value = "{TELIA.atr.hex()}" }}]\n')
    text = text.replace("rank = 5", f"rank = {rank}\nwritable = true").replace("min_length = 6", "min_length = 4")
    return text.replace("tries = 10\nfloor = 3", "tries = 4\nfloor = 2")


def matched(loaded: LoadedProfiles) -> Profile:
    assert loaded.refused == ()
    profile = loaded.profiles.match(TELIA, "pkcs15")
    assert profile is not None
    return profile


@pytest.mark.parametrize(("rank", "name"), [(9, "telia-eid-ip5a"), (10, "telia-eid-ip5a"), (11, "made-up")])
def test_a_signed_profile_counts_by_its_rank_and_at_one_rank_what_ships_does(
    folder: Path, keys: ProfileKeys, rank: int, name: str
) -> None:
    put(folder, above(rank))
    assert matched(add_signed(builtin(), folder, keys)).name == name


def test_above_one_that_ships_a_signed_profile_is_never_looser(folder: Path, keys: ProfileKeys) -> None:
    put(folder, above(11))
    loaded = add_signed(builtin(), folder, keys)
    for profiles in (loaded.profiles, loaded.profiles.with_loa({"1.2": 3}), loaded.profiles.quiet()):
        profile = matched(LoadedProfiles(profiles))
        assert (profile.name, profile.puk.tries) == ("made-up", 4), "what it knows of the product counts"
        assert (profile.puk.floor, profile.pin.min_length, profile.writable) == (3, 6, False)
    own = loaded.profiles.match_name("made-up")
    assert (own.puk.floor, own.pin.min_length, own.writable) == (2, 4, True)


def test_above_the_profile_of_every_other_card_a_signed_one_says_what_holds(folder: Path, keys: ProfileKeys) -> None:
    put(folder, above(11).replace(TELIA.atr.hex(), ATR.hex()))
    profile = add_signed(builtin(), folder, keys).profiles.match(CardSigns(ATR, label="e-leg"), "pkcs15")
    assert profile is not None
    assert (profile.name, profile.puk.floor, profile.pin.min_length, profile.writable) == ("made-up", 2, 4, True)


def test_a_refused_profile_leaves_the_one_that_ships(folder: Path, keys: ProfileKeys) -> None:
    put(folder, above(11), ed25519.Ed25519PrivateKey.generate())
    loaded = add_signed(builtin(), folder, keys)
    assert len(loaded.refused) == 1
    assert matched(LoadedProfiles(loaded.profiles)) == builtin().match(TELIA, "pkcs15")


def test_a_bad_file_falls_alone(folder: Path, keys: ProfileKeys) -> None:
    put(folder, GOOD)
    put(folder, GOOD.replace("made-up", "other"), name="other.toml")
    put(folder, GOOD, name="twice.toml")
    (folder / "made-up.toml.jws").write_text("junk")
    loaded = add_signed(builtin(), folder, keys)
    assert names(loaded) == {*SHIPPED, "other", "made-up"}
    put(folder, GOOD)
    loaded = add_signed(builtin(), folder, keys)
    assert [str(r) for r in loaded.refused] == ["twice.toml: name: another file has it already"]


def test_too_long_unreadable_and_not_text_are_told_apart(folder: Path, keys: ProfileKeys) -> None:
    path = put(folder, GOOD)
    path.write_bytes(b"#" * 70_000)
    assert "longer than 65536" in refused(add_signed(builtin(), folder, keys))
    path.write_bytes(b"\xff")
    (folder / "made-up.toml.jws").write_text(sign(b"\xff", ED25519))
    assert refused(add_signed(builtin(), folder, keys)) == "file: is not UTF-8"
    path.unlink()
    path.mkdir()
    assert "Is a directory" in refused(add_signed(builtin(), folder, keys))
    gone = add_signed(builtin(), folder / "gone", keys)
    assert names(gone) == SHIPPED
    assert gone.refused[0].reason == "file: No such file or directory"


def test_pinned_keys_are_public_and_of_the_right_kind(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    private = P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    other = rsa.generate_private_key(65537, 2048).public_key()
    wrong = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    p384 = public_pem(ec.generate_private_key(ec.SECP384R1()))
    for content, reason in ((private, "private"), (wrong, "Ed25519"), (p384, "P-256"), (b"junk", "no public key")):
        path.write_bytes(content)
        with pytest.raises(ProfileError, match=reason):
            ProfileKeys.load(path)
    with pytest.raises(ProfileError, match="No such file"):
        ProfileKeys.load(tmp_path / "gone.pem")
    with pytest.raises(ValueError, match="Ed25519 or P-256"):
        sign(b"", P256.public_key())


ISSUER = """
name = "siths-e-id"
title = "SITHS e-id, as the region's issuer says"
kind = "issuer"
[match]
source = "the issuer's certificate profile"
issuer = "CN=SITHS e-id Person"
[certificates]
source = "the issuer's certificate profile"
card_number = "subject:title"
loa = { "1.2.3" = 3 }
"""


def rules_of(loaded: LoadedProfiles) -> tuple[str, dict[str, int]]:
    signs = CardSigns(ATR, issuers=("CN=SITHS e-id Person HSA-id 3 CA v1",))
    profile = loaded.profiles.match(signs, "pkcs15")
    assert profile is not None
    return profile.certificates.card_number, profile.certificates.loa


def test_a_region_says_itself_what_an_issuer_writes_into_its_certificates(folder: Path, keys: ProfileKeys) -> None:
    put(folder, ISSUER)
    loaded = add_signed(builtin(), folder, keys)
    assert loaded.refused == ()
    assert rules_of(loaded) == ("subject:title", {"1.2.3": 3})


def test_an_issuers_file_counts_only_signed(folder: Path, keys: ProfileKeys) -> None:
    put(folder, ISSUER, ed25519.Ed25519PrivateKey.generate())
    loaded = add_signed(builtin(), folder, keys)
    assert refused(loaded) == "signature: by a key that is not pinned here"
    assert rules_of(loaded) == ("extension:1.2.752.34.2.1", {})
