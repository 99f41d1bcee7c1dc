"""Encryption at rest: it opens for this station, this kind and this key, and for nothing else."""

from pathlib import Path

import pytest

from fleet.agent.at_rest import AtRestCipher, UnreadableError, kept_keys_file, station_cipher
from fleet.agent.identity import STORE_KEY_FILE, new_store_key
from tests.fleet.agent.conftest import Enrol, authority, enrolled

__all__ = ["authority", "enrolled"]

SECRET = bytes(range(32))
CONTENT = b"Made Up, TEST000000-0001"


def test_what_is_encrypted_shows_nothing_and_never_looks_the_same() -> None:
    cipher = AtRestCipher("entre-a", SECRET)
    one, other = cipher.encrypt("list", CONTENT), cipher.encrypt("list", CONTENT)
    assert one != other
    assert CONTENT[:4] not in one
    assert cipher.decrypt("list", one) == cipher.decrypt("list", other) == CONTENT


@pytest.mark.parametrize(
    ("station", "kind", "secret"),
    [("entre-b", "list", SECRET), ("entre-a", "found", SECRET), ("entre-a", "list", bytes(32))],
)
def test_another_station_kind_or_key_opens_nothing(station: str, kind: str, secret: bytes) -> None:
    sealed = AtRestCipher("entre-a", SECRET).encrypt("list", CONTENT)
    with pytest.raises(UnreadableError, match=kind):
        AtRestCipher(station, secret).decrypt(kind, sealed)


def test_every_flipped_bit_and_every_cut_is_found() -> None:
    cipher = AtRestCipher("entre-a", SECRET)
    sealed = cipher.encrypt("list", CONTENT)
    flipped = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for one in [*flipped, *(sealed[:length] for length in range(len(sealed)))]:
        with pytest.raises(UnreadableError):
            cipher.decrypt("list", one)


def test_a_station_enrolled_anew_also_under_another_name_opens_what_it_kept_before(enrolled: Enrol) -> None:
    former = enrolled("entre-a")
    sealed = station_cipher(former).encrypt("list", CONTENT)
    folder = former.key_file.parent
    folder.rename(folder.with_name("moved-away"))
    anew = enrolled("entre-b").key_file.parent
    anew.rename(folder)
    identity = type(former).load(folder)
    assert station_cipher(identity).decrypt("list", sealed) == CONTENT
    newest = station_cipher(identity).encrypt("list", CONTENT)
    with pytest.raises(UnreadableError):
        AtRestCipher("entre-a", SECRET).decrypt("list", newest)
    assert AtRestCipher("entre-b", identity.store_secret()).decrypt("list", newest) == CONTENT, (
        "a former key encrypts nothing"
    )


def test_a_store_key_that_was_removed_still_opens_what_it_encrypted(enrolled: Enrol) -> None:
    identity = enrolled()
    sealed = station_cipher(identity).encrypt("list", CONTENT)
    (identity.key_file.parent / STORE_KEY_FILE).unlink()
    assert station_cipher(identity).decrypt("list", sealed) == CONTENT


def test_the_kept_keys_are_for_the_owner_alone_and_bounded(enrolled: Enrol) -> None:
    identity = enrolled()
    path = kept_keys_file(identity.key_file.parent)
    first = station_cipher(identity).encrypt("list", CONTENT)
    assert path.stat().st_mode & 0o077 == 0
    (identity.key_file.parent / "identity.sha256").unlink()
    for _ in range(25):
        (identity.key_file.parent / STORE_KEY_FILE).write_bytes(new_store_key())
        station_cipher(identity)
    assert len(path.read_text().splitlines()) == 20
    with pytest.raises(UnreadableError):
        station_cipher(identity).decrypt("list", first)


@pytest.mark.parametrize("line", ["", "entre-a", "entre-a 00", "entre-a zz", "ENTRE A " + "0" * 64, "\xff\xfe"])
def test_a_damaged_line_of_the_kept_keys_costs_only_itself(line: str, enrolled: Enrol) -> None:
    identity = enrolled()
    sealed = station_cipher(identity).encrypt("list", CONTENT)
    path = kept_keys_file(identity.key_file.parent)
    path.write_text(f"{line}\n{path.read_text()}{line}\n", "latin-1")
    (identity.key_file.parent / STORE_KEY_FILE).unlink()
    assert station_cipher(identity).decrypt("list", sealed) == CONTENT


def test_where_the_keys_cannot_be_kept_the_station_goes_on_and_says_so(
    enrolled: Enrol, caplog: pytest.LogCaptureFixture
) -> None:
    identity = enrolled()
    Path(kept_keys_file(identity.key_file.parent)).mkdir()
    cipher = station_cipher(identity)
    assert cipher.decrypt("list", cipher.encrypt("list", CONTENT)) == CONTENT
    assert "store-keys cannot be written" in caplog.text
