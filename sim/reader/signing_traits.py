"""Traits of signing: how single products want MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4 11.5.11) and PERFORM SECURITY
OPERATION (ISO/IEC 7816-8 clause 11).

>>> signing_ways(("mse-file",)).template == frozenset({FILE_TAG, ALGORITHM_TAG})
True
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.reader import keys, status
from sim.reader.trait import Trait, merge

ALGORITHM_TAG, FILE_TAG, PUBLIC_KEY_TAG, PRIVATE_KEY_TAG = 0x80, 0x81, 0x83, 0x84  # ISO/IEC 7816-4 table 55
Operation = Literal["data", "hash-first", "internal-authenticate"]
"""COMPUTE DIGITAL SIGNATURE over its data; without data, after PSO: HASH; or INTERNAL AUTHENTICATE alone."""
TOLD_RSA, TOLD_ECDSA = 0x53, 0x57
"""Algorithm references that a card tells, and that nobody would guess."""
CONSENT = "consent"
UNTOLD, PSS_ONLY = "mse-untold", "pss-only"
"""Traits of cards whose way of signing nobody finds out: the second with RSA keys."""


@dataclass(frozen=True, slots=True)
class SigningWays:
    """Ways in which a card wants to be asked for a signature. The default takes what its kind takes."""

    environment: bool = True
    """It has MANAGE SECURITY ENVIRONMENT; else each command uses a key of its own."""
    template: frozenset[int] | None = None
    """Tags that the control reference template must have, no more and no less; None: any that name a key."""
    refusal: int = status.BAD_DATA
    """Status word for another template."""
    algorithms: keys.Algorithms | None = None
    """In the place of those of its kind."""
    bare: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: dict(keys.BARE_HASHES))
    """By algorithm reference of RSA: lengths of a bare hash, which the card makes a DigestInfo of."""
    operations: frozenset[Operation] = frozenset({"data", "internal-authenticate"})
    consent: bool = False
    """Each signature wants its PIN just before it (userConsent, ISO/IEC 7816-15 8.2.9)."""
    tells: bool = False
    """TokenInfo and PrKDF say which algorithm references the keys have."""


_BY_KEY, _BY_FILE = frozenset({ALGORITHM_TAG, PRIVATE_KEY_TAG}), frozenset({ALGORITHM_TAG, FILE_TAG})
SIGNING: dict[str, Trait] = {
    "mse-file": Trait(
        "names its keys by file only (80 01 02, 81 02 file)", "MyEID: OpenSC card-myeid.c",
        {"template": _BY_FILE, "refusal": 0x6A88},
    ),
    "mse-11": Trait(
        "knows algorithm 11 for RSA and 21 for ECDSA only", "IsoApplet: OpenSC card-isoApplet.c",
        {"template": _BY_KEY, "refusal": 0x6A81, "algorithms": keys.ALGORITHMS_A},
    ),
    "mse-42": Trait(
        "RSA over a bare SHA-256 as algorithm 42, ECDSA as 44 or 54", "IAS-ECC: OpenSC iasecc.h, card-iasecc.c",
        {
            "template": _BY_KEY,
            "algorithms": keys.Algorithms((keys.RSA_PKCS1_SHA256,), (keys.ECDSA_SHA256, keys.ECDSA_SHA384)),
        },
    ),
    "mse-12": Trait(
        "RSA over a bare hash of any length as algorithm 12", "IAS-ECC of the years of SHA-1: OpenSC iasecc.h",
        {
            "template": _BY_KEY, "bare": {keys.RSA_PKCS1_SHA1: (20, 32)},
            "algorithms": keys.Algorithms((keys.RSA_PKCS1_SHA1,), (keys.ECDSA,)),
        },
    ),
    "mse-key-only": Trait(
        "takes a key in its environment and no algorithm (84 01 key)", "CardOS 5: OpenSC card-cardos.c",
        {"template": frozenset({PRIVATE_KEY_TAG})},
    ),
    "no-mse": Trait(
        "has no MANAGE SECURITY ENVIRONMENT: signs with one key, and by INTERNAL AUTHENTICATE with the other",
        "OpenPGP cards: OpenSC card-openpgp.c",
        {"environment": False},
    ),
    "pso-hash": Trait(
        "signs after PSO: HASH, without data, with the algorithms 42, 44 and 54",
        "FinEID 2022 and 2025, EstEID 2025 (Thales DF21): OpenSC pull requests of 2025 and 2026",
        {
            "template": _BY_KEY, "operations": frozenset({"hash-first"}),
            "algorithms": keys.Algorithms((keys.RSA_PKCS1_SHA256,), (keys.ECDSA_SHA384, keys.ECDSA_SHA256)),
        },
    ),
    "internal-authenticate": Trait(
        "signs by INTERNAL AUTHENTICATE only", "the authentication key of EstEID 2018: OpenSC card-esteid2018.c",
        {"operations": frozenset({"internal-authenticate"})},
    ),
    "told-algorithm": Trait(
        "has algorithm references that only its directory tells", "ISO/IEC 7816-15 8.10, FINEID S4-1",
        {"template": _BY_KEY, "tells": True, "algorithms": keys.Algorithms((TOLD_RSA,), (TOLD_ECDSA,))},
    ),
    CONSENT: Trait(
        "wants its PIN before each signature (userConsent)",
        "keys for signatures of Belgian eID, EstEID, FINEID: OpenSC card-belpic.c, card-esteid2018.c, FINEID S1",
        {"consent": True},
    ),
    UNTOLD: Trait(
        "has algorithm references that nothing tells: its keys work where somebody has read its manual",
        "any product before OpenSC had a driver for it: FinEID's 54 until 2022 (card-fineid.c)",
        {"template": _BY_KEY, "refusal": 0x6A81, "algorithms": keys.Algorithms((TOLD_RSA,), (TOLD_ECDSA,))},
    ),
    PSS_ONLY: Trait(
        "RSA by PSS alone, over a bare SHA-256 as algorithm 45",
        "keys of IDPrime and FinEID that sign by PSS: OpenSC card-idprime.c; that a card has no other is unverified",
        {"template": _BY_KEY, "algorithms": keys.Algorithms((keys.RSA_PSS_SHA256,), (keys.ECDSA,))},
    ),
}  # fmt: skip


def signing_ways(traits: Iterable[str]) -> SigningWays:
    """Return how a card with those traits signs."""
    return merge(SigningWays(), SIGNING, traits)
