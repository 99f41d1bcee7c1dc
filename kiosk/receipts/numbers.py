"""Receipt numbers that can be read out over a telephone: `7F3A-91C2-K8M4A`.

Twelve random characters of 32 (60 bits) and a check character, in an alphabet without I, L, O and U. The check (Luhn,
modulo 32) finds every single wrong character and nearly every swap of neighbours. The odds that any two of a million
receipts share a number are 1 in 2.3 million (10^12 / 2^61), of ten million 1 in 23,000; whoever keeps receipts by
number still has the station and the exact document to tell them apart.

>>> read_number("7f3a 9lc2 k8m4a")
'7F3A-91C2-K8M4A'
"""

import secrets
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_CHARACTERS = 12
_HEARD_AS = str.maketrans("ILO", "110", " -")


def new_number(choose: Callable[[str], str] = secrets.choice) -> str:
    """A new number. `choose` takes one character of the alphabet at random."""
    body = "".join(choose(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return _grouped(body + check_character(body))


def read_number(text: str) -> str:
    """A number as somebody wrote it, in its one form. Raises ValueError where it cannot be one."""
    characters = text.upper().translate(_HEARD_AS)
    if len(characters) != RANDOM_CHARACTERS + 1 or not set(characters) <= set(ALPHABET):
        raise ValueError("a receipt number has thirteen letters and digits")
    if check_character(characters[:-1]) != characters[-1]:
        raise ValueError("the check character of the receipt number does not fit: one character is wrong")
    return _grouped(characters)


def check_character(body: str) -> str:
    """The Luhn check character of `body`, modulo the size of the alphabet."""
    size = len(ALPHABET)
    total = 0
    for place, character in enumerate(reversed(body)):
        value = ALPHABET.index(character) * (2 if place % 2 == 0 else 1)
        total += value // size + value % size
    return ALPHABET[-total % size]


def _grouped(characters: str) -> str:
    return f"{characters[:4]}-{characters[4:8]}-{characters[8:]}"
