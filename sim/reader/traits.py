"""Traits of virtual cards of kinds A and B: what single products do differently, one name each.

A trait is kept in the card's memory, so a card file carries it. Those of signing are after the table "Real cards" of the
products that differ in MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4 11.5.11) and PERFORM SECURITY OPERATION (7816-8 clause 11).

>>> signing_ways(("mse-file",)).template == frozenset({FILE_TAG, ALGORITHM_TAG})
True
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.reader import keys, status

ALGORITHM_TAG, FILE_TAG, PUBLIC_KEY_TAG, PRIVATE_KEY_TAG = 0x80, 0x81, 0x83, 0x84  # ISO/IEC 7816-4 table 55
Operation = Literal["data", "hash-first", "internal-authenticate"]
"""COMPUTE DIGITAL SIGNATURE over its data; without data, after PSO: HASH; or INTERNAL AUTHENTICATE alone."""
TOLD_RSA, TOLD_ECDSA = 0x53, 0x57
"""Algorithm references that a card tells, and that nobody would guess."""


@dataclass(frozen=True, slots=True)
class SigningWays:
    """How a card wants to be asked for a signature. The default takes what its kind takes."""

    title: str = ""
    environment: bool = True
    """It has MANAGE SECURITY ENVIRONMENT; else its first key is used."""
    template: frozenset[int] | None = None
    """Tags that the control reference template must have, no more and no less; None: any that name a key."""
    refusal: int = status.BAD_DATA
    """Status word for another template."""
    algorithms: keys.Algorithms | None = None
    """In the place of those of its kind."""
    bare: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: dict(keys.BARE_HASHES))
    """By algorithm reference of RSA: lengths of a bare hash, which the card makes a DigestInfo of."""
    operations: frozenset[Operation] = frozenset({"data", "internal-authenticate"})
    tells: bool = False
    """TokenInfo and PrKDF say which algorithm references the keys have."""


_BY_KEY, _BY_FILE = frozenset({ALGORITHM_TAG, PRIVATE_KEY_TAG}), frozenset({ALGORITHM_TAG, FILE_TAG})
SIGNING: dict[str, SigningWays] = {
    "mse-file": SigningWays("names its keys by file only (80 01 02, 81 02 file)", template=_BY_FILE, refusal=0x6A88),
    "mse-11": SigningWays(
        "knows algorithm 11 for RSA and 21 for ECDSA only", template=_BY_KEY, refusal=0x6A81,
        algorithms=keys.ALGORITHMS_A,
    ),
    "mse-42": SigningWays(
        "RSA over a bare SHA-256 as algorithm 42, ECDSA as 44 or 54", template=_BY_KEY,
        algorithms=keys.Algorithms((keys.RSA_PKCS1_SHA256,), (keys.ECDSA_SHA256, keys.ECDSA_SHA384)),
    ),
    "mse-12": SigningWays(
        "RSA over a bare hash of any length as algorithm 12", template=_BY_KEY, bare={keys.RSA_PKCS1_SHA1: (20, 32)},
        algorithms=keys.Algorithms((keys.RSA_PKCS1_SHA1,), (keys.ECDSA,)),
    ),
    "mse-key-only": SigningWays(
        "takes a key in its environment and no algorithm (84 01 key)", template=frozenset({PRIVATE_KEY_TAG})
    ),
    "no-mse": SigningWays("has no MANAGE SECURITY ENVIRONMENT, and one key to sign with", environment=False),
    "pso-hash": SigningWays(
        "signs after PSO: HASH, without data, with the algorithms 42, 44 and 54", template=_BY_KEY,
        algorithms=keys.Algorithms((keys.RSA_PKCS1_SHA256,), (keys.ECDSA_SHA384, keys.ECDSA_SHA256)),
        operations=frozenset({"hash-first"}),
    ),
    "internal-authenticate": SigningWays(
        "signs by INTERNAL AUTHENTICATE only", operations=frozenset({"internal-authenticate"})
    ),
    "told-algorithm": SigningWays(
        "has algorithm references that only its directory tells", template=_BY_KEY, tells=True,
        algorithms=keys.Algorithms((TOLD_RSA,), (TOLD_ECDSA,)),
    ),
}  # fmt: skip
FREE_KEY = "free-key"
OTHERS = {FREE_KEY: "has a key of the card itself that is used without a code, with a certificate"}
TRAITS: dict[str, str] = {**{name: ways.title for name, ways in SIGNING.items()}, **OTHERS}
"""Every trait, and what a card with it does."""


class UnknownTraitError(ValueError):
    """A trait that there is not, or not for that kind of card; or two that contradict each other."""


def check(traits: Iterable[str], kind: str) -> tuple[str, ...]:
    """The traits of a card of that kind, each once. Raises UnknownTraitError."""
    wanted = tuple(dict.fromkeys(traits))
    for name in wanted:
        if name not in TRAITS:
            raise UnknownTraitError(f"there is no trait {name!r}; this version has: {', '.join(TRAITS)}")
    if wanted and kind not in ("A", "B"):
        raise UnknownTraitError(f"kind {kind} has no traits")
    if len(SIGNING.keys() & set(wanted)) > 1:
        raise UnknownTraitError(f"one trait of signing at a time, not {', '.join(n for n in wanted if n in SIGNING)}")
    return wanted


def signing_ways(traits: Iterable[str]) -> SigningWays:
    """How a card with those traits signs."""
    return next((SIGNING[name] for name in traits if name in SIGNING), SigningWays())
