"""Encryption at rest: it opens for this station, this kind and this key, and for nothing else."""

import pytest

from fleet.agent.at_rest import AtRestCipher, UnreadableError

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
