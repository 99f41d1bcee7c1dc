"""What a station lacks, in words, for whoever asks.

>>> Problem("store", "the disk is full").code
'store'
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is missing or broken. `code` is stable, `text` says what and what to do."""

    code: str
    text: str
