"""A made-up language that is longer than any real one will be: an instrument for tests, and no language of the station.

Every vowel is doubled and has an accent, and a sentence stands in brackets: about 40 % longer, every end to be seen. Names in
braces and marks of strength stay as they are.

>>> longer("Sätt i **ett kort** {name}")
'[Säätt íi **éett kóort** {name}]'
"""

import re
from collections.abc import Mapping

from kiosk.texts import Texts

_KEPT = re.compile(r"(\{[^}]*\}|\*\*)")
_ACCENTS = dict(zip("aeiouyåäöAEIOUYÅÄÖ", "áéíóúýåäöÁÉÍÓÚÝÅÄÖ", strict=True))


def longer(sentence: str) -> str:
    """One sentence in the made-up language."""
    parts = _KEPT.split(sentence)
    return "[" + "".join(part if _KEPT.fullmatch(part) else _stretched(part) for part in parts) + "]"


def _stretched(text: str) -> str:
    return "".join(f"{_ACCENTS[char]}{char.lower()}" if char in _ACCENTS else char for char in text)


def pseudo(texts: Texts) -> Texts:
    """All catalogues made longer."""
    return Texts({language: _longer(sentences) for language, sentences in texts.catalogues.items()})


def _longer(sentences: Mapping[str, str]) -> dict[str, str]:
    return {key: longer(sentence) for key, sentence in sentences.items()}
