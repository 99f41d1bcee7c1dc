"""Registry of the traits of virtual cards: what single real products do differently, one name each.

A trait is kept in the card's memory, so a card file carries it. The families are modules of their own: `file_traits`,
`code_traits`, `signing_traits`.

>>> check(("padded-files", "mse-file"), "B")
('padded-files', 'mse-file')
"""

from collections.abc import Iterable, Mapping

from sim.reader.code_traits import CODE_TRAITS
from sim.reader.file_traits import FILE_TRAITS
from sim.reader.signing_traits import SIGNING
from sim.reader.trait import Trait

FREE_KEY = "free-key"
KEY_TRAITS: dict[str, Trait] = {
    FREE_KEY: Trait(
        "has a key of the card itself that is used without a code, with a certificate",
        "PIV's key 9E (SP 800-73-4 part 1, 3.1.4), and PKCS#15 cards after it",
    )
}
FAMILIES: Mapping[str, Mapping[str, Trait]] = {
    "files": FILE_TRAITS, "codes": CODE_TRAITS, "signing": SIGNING, "keys": KEY_TRAITS,
}  # fmt: skip
TRAITS: dict[str, Trait] = {name: trait for family in FAMILIES.values() for name, trait in family.items()}
"""Every trait by its name."""


class UnknownTraitError(ValueError):
    """A trait that there is not, or not for that kind of card; or two that contradict each other."""


def check(traits: Iterable[str], kind: str) -> tuple[str, ...]:
    """The traits of a card of that kind, each once. Raises UnknownTraitError."""
    trait_names = tuple(dict.fromkeys(traits))
    for name in trait_names:
        if name not in TRAITS:
            raise UnknownTraitError(f"there is no trait {name!r}; this version has: {', '.join(TRAITS)}")
        if kind not in TRAITS[name].kinds:
            raise UnknownTraitError(f"no card of kind {kind} has the trait {name!r}")
    for first, second in contradictions(trait_names):
        raise UnknownTraitError(f"one card cannot have both {first!r} and {second!r}")
    return trait_names


def contradictions(traits: tuple[str, ...]) -> list[tuple[str, str]]:
    """Pairs of traits of one family that change the same; of signing, any two."""
    return [
        (first, second)
        for table in FAMILIES.values()
        for place, first in enumerate(traits)
        for second in traits[place + 1 :]
        if first in table
        and second in table
        and (table is SIGNING or table[first].changes.keys() & table[second].changes.keys())
    ]
