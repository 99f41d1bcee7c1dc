"""Rules of merging: several sources, one person."""

from datetime import UTC, datetime

import pytest

from fleet.server.people.merging import merge_rules, merge_words
from fleet.server.people.model import Fact, FactWord, PersonRow, Source

WHO = "TEST000000-0001"


def word(fact: Fact, source: Source, value: str | None, day: str) -> FactWord:
    return FactWord(fact, source, value, datetime.fromisoformat(day).replace(tzinfo=UTC))


def merged(*words: FactWord) -> PersonRow:
    return merge_words(WHO, words)


def test_every_fact_has_a_rule() -> None:
    assert set(merge_rules()) == set(Fact.__args__)  # type: ignore[attr-defined]


LEFT = word("left", "import", "2026-11-20", "2026-11-21")


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (word("left", "ldap", None, "2026-12-01"), None),
        (word("left", "ldap", None, "2026-11-01"), "2026-11-20"),
        (word("left", "ldap", "2026-11-30", "2026-11-21"), "2026-11-20"),
        (word("left", "issuer", "2026-11-25", "2026-11-26"), "2026-11-25"),
    ],
    ids=["taken back later", "taken back before", "of one moment the office's counts", "said later"],
)
def test_the_newest_word_on_a_leave_counts(later: FactWord, left: str | None) -> None:
    assert merged(LEFT, later).left == left
    assert merged(later, LEFT).left == left


@pytest.mark.parametrize(
    ("said", "continues"),
    [
        (word("continued", "ldap", "yes", "2026-11-25"), True),
        (word("continued", "ldap", "yes", "2026-09-01"), True),
        (word("continued", "ldap", "yes", "2024-05-01"), False),
        (word("continued", "import", "yes", "2024-05-01"), True),
    ],
    ids=["after the leave", "shortly before", "of a leave years ago", "by the source of the leave"],
)
def test_who_continued_long_ago_has_left_this_time(said: FactWord, *, continues: bool) -> None:
    assert merged(LEFT, said).continued is continues
    assert not merged(said).continued, "without a leave there is nothing to go on from"


def test_a_name_is_the_directory_s_and_a_protected_one_nobody_s() -> None:
    names = [word("name", source, f"Alva {source}", "2026-11-01") for source in ("import", "ldap", "issuer")]
    assert merged(*names).name == "Alva ldap"
    assert merged(*names, word("protected", "issuer", "yes", "2026-01-01")).name is None
    assert (
        merged(
            word("name_changed", "ldap", "2026-03-01", "2026-03-02"),
            word("name_changed", "import", "2026-05-01", "2026-01-02"),
        ).name_changed
        == "2026-05-01"
    )
