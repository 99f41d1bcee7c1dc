"""A code (PIN or PUK) on its short way from the key pad to the card.

Python cannot wipe ``bytes``, so the rule is a short life and one path: a code is wrapped where it is typed, passed along
as `Secret`, and revealed only where the APDU (or the sealed envelope check) is made. It prints as stars and refuses to be
pickled, so it does not end up in a log, a traceback or a crash dump by accident. The residual risk is in docs/security.md.

>>> code = Secret("123456")
>>> f"{code}", len(code)
('******', 6)
"""

import hmac
from typing import NoReturn


class Secret:
    """A code that prints as stars. Its only exit is `reveal`."""

    __slots__ = ("_code",)

    def __init__(self, code: str) -> None:
        self._code = code

    def reveal(self) -> str:
        """Give the code itself. Call it where the bytes to the card are made, and nowhere else."""
        return self._code

    def __len__(self) -> int:
        return len(self._code)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # A terminal may send what is no letter: to compare it must not raise, for the fault would hold the code.
        ours, theirs = (one._code.encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(ours, theirs)

    __hash__ = None  # type: ignore[assignment]  # a hash of a six-digit code is the code

    def __repr__(self) -> str:
        return "Secret(******)"

    def __str__(self) -> str:
        return "******"

    def __format__(self, spec: str) -> str:
        return "******"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a code is never serialised")
