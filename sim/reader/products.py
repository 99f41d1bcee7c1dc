"""Virtual cards that are built like single real products: a kind with their traits, under their answer to reset.

Each stands for a profile that ships. What a product does otherwise is in `traits`, with where it was seen.

>>> sorted(PRODUCTS)[:3]
['cardos', 'esteid-2025', 'fineid-2022']
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sim.reader.cards import VirtualCard
from sim.reader.code_translation import Pkcs15CodeTranslation
from sim.reader.persona import Persona
from sim.reader.pkcs15_application import Pkcs15Application
from sim.reader.pkcs15_files import MANUFACTURER
from sim.reader.pki import TestAuthority


@dataclass(frozen=True, slots=True)
class CardProduct:
    """One product. `profile` is the one that ships for it."""

    profile: str
    atr: str
    traits: tuple[str, ...]
    aid: str = ""
    """Of its application; empty: that of PKCS#15."""
    manufacturer: str = ""
    """In TokenInfo, at most as long as the kind's own."""


_THALES = ("counter-df21", "pso-hash", "pads-00")
PRODUCTS: Mapping[str, CardProduct] = {
    "fineid-2022": CardProduct("thales-df21", "3B7F9600008031B865B085050011122460829000", (*_THALES, "t0", "one-code-mf")),
    "fineid-2025": CardProduct("thales-df21", "3B7F9600008031B865B085051024122460829000", (*_THALES, "t0", "padded-files")),
    "esteid-2025": CardProduct(
        "thales-df21", "3BFF9600008031FE438031B85365494464B085051012233F1D", (*_THALES, "reference-80-told"),
    ),
    "idprime": CardProduct("idprime", "3B7F96000080318065B0855956FB120FFE829000", ("pads-00", "t0")),
    "idprime-930": CardProduct("idprime", "3B7F96000080318065B0846160FB120FFD829000", ("pads-00", "t0")),
    "ias-ecc": CardProduct(
        "ias-ecc", "3BDB960080B1FE451F830012233F536549440F9000F1",
        ("counter-object", "verify-puk-then-new", "select-path-09", "short-reads"), "A00000007701080007000000FE00000100",
    ),
    "cardos": CardProduct("cardos", "3BD218008131FE58C90316", ("reference-80", "padded-ff", "mse-key-only", "pads-00")),
    "myeid": CardProduct(
        "myeid", "3BF59600008131FE454D7945494414",
        ("padded-files", "no-sfi", "no-puk-object", "batch-serial", "pads-ff", "mse-file"), manufacturer="Aventra Ltd.",
    ),
    "telia": CardProduct("telia-eid-ip5a", "3B7D96000080318065B0A31101F383009000", ("t0", "padded-ff"), "A000000167455349474E"),
    "stockholm": CardProduct("region-stockholm-temporary", "3B7F96000080318065B0850400111202F0829000", ("t0", "padded-ff")),
}  # fmt: skip


def product_card(
    name: str, persona: Persona, authority: TestAuthority, now: datetime, traits: Iterable[str] = ()
) -> VirtualCard:
    """A card of that product, with more traits where single cards of it have them. Raises KeyError, UnknownTraitError."""
    product = PRODUCTS[name]
    card = VirtualCard.create(persona, authority, now, traits=(*product.traits, *traits))
    card.atr = bytes.fromhex(product.atr)
    assert isinstance(card.application, Pkcs15Application | Pkcs15CodeTranslation)
    application = card.application.files.application
    if product.aid:
        application.aid = bytes.fromhex(product.aid)
    if product.manufacturer:
        ours, theirs = MANUFACTURER.encode(), product.manufacturer.encode()
        for file in application.children.values():
            file.content = file.content.replace(ours, theirs.ljust(len(ours)))
    return card
