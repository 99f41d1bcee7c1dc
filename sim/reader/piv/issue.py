"""Issue a PIV card: keys in 9A, 9C, 9D, 9E, two retired encryption keys, their certificates, and the data objects.

Log-in key (9A), signature key (9C) and 9D are of the persona's algorithm; the retired keys' certificates ran out before
the card was issued.
"""

from dataclasses import replace
from datetime import datetime

from sim.reader.card_memory import StoredKey
from sim.reader.file_traits import FileWays
from sim.reader.keys import PURPOSES, CardPrivateKey, generate
from sim.reader.persona import KeyAlgorithm, Persona
from sim.reader.piv.memory import PivMemory
from sim.reader.piv.objects import certificate_object, issued_objects
from sim.reader.piv.references import CERTIFICATE_OBJECTS, FIRST_RETIRED, LAST_RETIRED, KeyReference
from sim.reader.piv.traits import PivTraits
from sim.reader.pki import KeyPurpose, TestAuthority

RETIRED: dict[int, KeyAlgorithm] = {FIRST_RETIRED: "EC-P384", FIRST_RETIRED + 1: "EC-P256"}
"""Kinds that are quick to make."""
RETIRED_DAYS = 400
_PLACES = (KeyReference.AUTHENTICATION, KeyReference.SIGNATURE, *range(FIRST_RETIRED + len(RETIRED), LAST_RETIRED + 1))
"""Of the pairs of certificates, the holder's own first."""


def issue(
    persona: Persona, authority: TestAuthority, now: datetime, own: tuple[StoredKey, ...], traits: PivTraits,
    files: FileWays | None = None,
) -> PivMemory:  # fmt: skip
    """All that the card keeps besides its codes; `own` are the keys that every kind of card has."""
    before = replace(persona, issued_days_ago=persona.issued_days_ago + RETIRED_DAYS + 1, lifetime_days=RETIRED_DAYS)
    keys: dict[int, CardPrivateKey] = {}
    files = files or FileWays()
    retired = {} if files.first_alone else RETIRED
    kept = len(retired) + len(own) - len(PURPOSES)
    objects = issued_objects(persona, own[0].certificate.not_valid_after_utc, kept, files.serial)

    def put(slot: int, stored: StoredKey) -> None:
        keys[slot] = stored.private
        packed = slot in traits.compressed or files.gzip_untold
        content = certificate_object(stored.certificate, compressed=packed, shows_gzip=not files.gzip_untold)
        objects[CERTIFICATE_OBJECTS[slot]] = content

    def make(slot: int, holder: Persona, algorithm: KeyAlgorithm, purpose: KeyPurpose) -> None:
        private = generate(algorithm)
        put(slot, StoredKey(purpose, private, authority.issue(holder, private.public_key(), purpose, now)))

    for slot, stored in zip(_PLACES, own[:1] if files.first_alone else own, strict=False):
        put(slot, stored)
    if not files.first_alone:
        make(KeyReference.KEY_MANAGEMENT, persona, persona.key_algorithm, "encryption")
        make(KeyReference.CARD_AUTHENTICATION, persona, "EC-P256", "card")
    for slot, algorithm in retired.items():
        make(slot, before, algorithm, "encryption")
    return PivMemory(keys, objects, set(), traits.management)
