"""Faults of an evidence file: where, and why, in words.

>>> str(EvidenceProblem("ca.pem", "is not in the file"))
'ca.pem: is not in the file'
"""


class EvidenceProblem(ValueError):
    """Something in the file does not hold."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class StrangerError(EvidenceProblem):
    """Signed, but by nobody that the authority vouches for."""
