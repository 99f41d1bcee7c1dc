"""Source of each value of a profile: `source = "..."`, or `unverified = true`, and nothing in between. Pure.

A value is written bare, and the `source` or `unverified` of its table (or of one round it) stands for it, or with its
own: `{ value = 6, source = "..." }`. An entry in a list of tables carries its own beside its keys. What only names the
profile needs none.

>>> plain, said = separate({"pin": {"unverified": True, "tries": {"value": 3, "source": "measured"}, "min_length": 6}})
>>> plain, said["pin.tries"], said["pin.min_length"]
({'pin': {'tries': 3, 'min_length': 6}}, 'measured', None)
"""

from typing import Any

NAMING = frozenset({"name", "title", "kind", "rank"})
"""Top-level keys that say nothing about a card."""
_SOURCE_KEYS = frozenset({"source", "unverified"})
_WRAPPED = frozenset({"value"}) | _SOURCE_KEYS
MAX_DEPTH = 4

Table = dict[str, Any]
Evidence = dict[str, str | None]
"""By dotted key: the source, or None for unverified."""


class EvidenceError(ValueError):
    """A value that has neither a source nor a mark, or a mark that says nothing. The text begins with the key."""


def separate(document: Table) -> tuple[Table, Evidence]:
    """The values of a profile without what vouches for them, and what does. Raises EvidenceError."""
    evidence: Evidence = {}
    return _table(document, "", None, evidence), evidence


def unverified_keys(evidence: Evidence) -> tuple[str, ...]:
    """Keys whose value nobody has verified."""
    return tuple(key for key, source in evidence.items() if source is None)


def _table(table: Table, where: str, inherited: "_Word | None", evidence: Evidence) -> Table:
    if where.count(".") >= MAX_DEPTH:
        raise EvidenceError(f"{where}: too deep")
    word = _word(table, where) or inherited
    plain: Table = {}
    for key, value in table.items():
        if key in _SOURCE_KEYS:
            continue
        path = f"{where}.{key}" if where else key
        plain[key] = value if path in NAMING else _value(value, path, word, evidence)
    return plain


def _value(value: Any, path: str, word: "_Word | None", evidence: Evidence) -> Any:
    if isinstance(value, dict) and "value" in value and value.keys() <= _WRAPPED:
        own = _word(value, path)
        return _kept(value["value"], path, own or word, evidence)
    if isinstance(value, dict):
        return _table(value, path, word, evidence)
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return [_entry(entry, f"{path}[{at}]", word, evidence) for at, entry in enumerate(value)]
    return _kept(value, path, word, evidence)


def _entry(entry: Table, path: str, word: "_Word | None", evidence: Evidence) -> Table:
    plain = {key: value for key, value in entry.items() if key not in _SOURCE_KEYS}
    _kept(plain, path, _word(entry, path) or word, evidence)
    return plain


def _kept(value: Any, path: str, word: "_Word | None", evidence: Evidence) -> Any:
    if word is None:
        raise EvidenceError(f"{path}: neither a source nor unverified = true")
    evidence[path] = word.source
    return value


class _Word:
    """Statement that a table or a value makes of its source."""

    def __init__(self, source: str | None) -> None:
        self.source = source


def _word(table: Table, where: str) -> _Word | None:
    source, unverified = table.get("source"), table.get("unverified")
    dot = f"{where}." if where else ""
    if source is not None and unverified is not None:
        raise EvidenceError(f"{dot}source: a value with a source is not unverified as well")
    if unverified is not None:
        if unverified is not True:
            raise EvidenceError(f"{dot}unverified: can only be true; what is verified says its source")
        return _Word(None)
    if source is None:
        return None
    if not isinstance(source, str) or not source.strip():
        raise EvidenceError(f"{dot}source: must say where the value is known from")
    return _Word(source)
