"""Traits of codes: how single products describe, count, pad and reset PIN and PUK (ISO/IEC 7816-15 8.9, 7816-4 11.6).

>>> code_ways(("no-puk-object",)).lists_puk
False
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sim.reader.trait import Trait, merge


@dataclass(frozen=True, slots=True)
class CodeWays:
    """How a card treats its codes. The default is as its kind does."""

    lists_puk: bool = True
    """The AODF has an object for the PUK, and the PIN's authId names it."""


CODE_TRAITS: dict[str, Trait] = {
    "no-puk-object": Trait(
        "lists no PUK among its codes", "MyEID as pkcs15-init makes it: OpenSC pkcs15-myeid.c", {"lists_puk": False}
    ),
}


def code_ways(traits: Iterable[str]) -> CodeWays:
    """How a card with those traits treats its codes."""
    return merge(CodeWays(), CODE_TRAITS, traits)
