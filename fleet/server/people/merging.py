"""Merge of what several sources say of one person: each fact by its rule of `merging.toml`. Pure.

Rules: a source that never said anything about a fact has no word in it; one that takes its word back has. A `continued` belongs
to a leave: it counts where its source names the leave too, or where it was said at most `CONTINUED_BEFORE` before that day. So
an assignment that went on years ago keeps nobody's card alive.

>>> from datetime import UTC, datetime
>>> said = [FactWord("left", "ldap", "2026-11-20", datetime(2026, 11, 21, tzinfo=UTC))]
>>> merge_words("TEST000000-0001", said).left
'2026-11-20'
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from fleet.server.people.model import Fact, FactWord, PersonRow, Source

YES = "yes"
CONTINUED_BEFORE = timedelta(days=90)


class MergeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rule by which the words about one fact are weighed; `order` names the strongest source first."""

    rule: Literal["newest", "latest", "any", "order"]
    order: tuple[Source, ...]

    def choose(self, words: Iterable[FactWord]) -> FactWord | None:
        """The word that counts; None where no source of `order` has one."""
        ranked = sorted(
            (word for word in words if word.source in self.order), key=lambda word: self.order.index(word.source)
        )
        positive = [word for word in ranked if word.value is not None]
        match self.rule:
            case "newest":
                return max(ranked, key=lambda word: word.seen, default=None)
            case "latest":
                return max(positive, key=lambda word: word.value or "", default=None)
            case "any" | "order":
                return next(iter(positive), None)


@cache
def merge_rules() -> Mapping[Fact, MergeRule]:
    """As they ship."""
    text = (files(__package__) / "merging.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[Fact, MergeRule])


def merge_words(hsa_id: str, words: Sequence[FactWord]) -> PersonRow:
    """The person as the rules make them of these words."""
    values = {fact: _value(fact, words) for fact in merge_rules()}
    protected = values["protected"] == YES
    return PersonRow(
        hsa_id,
        None if protected else values["name"],
        protected,
        values["left"],
        _continues(words),
        values["name_changed"],
        values["mail"],
        values["organisation"],
    )


def _chosen(fact: Fact, words: Iterable[FactWord]) -> FactWord | None:
    return merge_rules()[fact].choose(word for word in words if word.fact == fact)


def _value(fact: Fact, words: Iterable[FactWord]) -> str | None:
    word = _chosen(fact, words)
    return None if word is None else word.value


def _continues(words: Sequence[FactWord]) -> bool:
    left = _value("left", words)
    if left is None:
        return False
    leaves = {word.source for word in words if word.fact == "left" and word.value is not None}
    since = date.fromisoformat(left) - CONTINUED_BEFORE
    belonging = [word for word in words if word.source in leaves or word.seen.date() >= since]
    return _value("continued", belonging) == YES
