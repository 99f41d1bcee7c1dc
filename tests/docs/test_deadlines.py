"""Orders, people and deadlines are told as the program has them."""

import re
from pathlib import Path

from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.orders.model import CAUSE, HAPPENINGS, NEW, STATES, TABLE
from fleet.server.orders.request_bodies import Message
from fleet.server.people.directory_files import DIRECTORY_COLUMNS, read_directory
from tests.docs.pages import DOCS, blocks, page


def test_the_life_of_an_order_is_told_as_the_table_has_it() -> None:
    told = page("deadlines.md").split("| what happens | by what | from | to |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| `(\w+)` \|$", told, re.MULTILINE)
    steps = [(state.strip("`"), what, to) for what, _, states, to in rows for state in states.split(", ")]
    wanted = {("–", what): to for what, to in NEW.items()}
    wanted |= {(state, what): to for state in STATES for what, to in TABLE[state].items()}
    assert len(steps) == len(wanted)
    assert {(state, what): to for state, what, to in steps} == wanted
    assert {what: cause for what, cause, _, _ in reversed(rows)} == CAUSE
    assert list(dict.fromkeys(row[0] for row in rows)) == list(HAPPENINGS)


def test_every_deadline_is_told_and_the_example_is_one(tmp_path: Path) -> None:
    told = page("deadlines.md").split("| rule | about |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \| (\d+) days before \| `(\w+)` \|$", told, re.MULTILINE)
    rules = load_deadlines().rule
    assert [row[0] for row in rows] == list(rules)
    for (_, long, warned, act), rule in zip(rows, rules.values(), strict=True):
        assert long == (f"{rule.days} days" if rule.days else f"{rule.months} months" if rule.months else "–")
        assert (int(warned), act) == (rule.warn_days, rule.act)
    (example,) = blocks("toml deadlines", DOCS / "deadlines.md")
    (tmp_path / "deadlines.toml").write_text(example)
    assert load_deadlines(tmp_path / "deadlines.toml").act_of("left") == "block"


def test_the_example_of_the_directory_can_be_imported_and_every_column_is_told() -> None:
    (example,) = blocks("csv directory", DOCS / "operations.md")
    left, protected = read_directory(example.encode())
    assert left.left
    assert protected.protected
    told = page("operations.md").split("`kortkiosk-fleet import-directory")[1].split("```")[0]
    assert all(f"`{column}`" in told for column in DIRECTORY_COLUMNS)


def test_the_example_of_a_message_is_one_and_its_headers_are_told() -> None:
    told = page("messages.md").split("## Messages of an order system")[1]
    (example,) = blocks("json orders", DOCS / "messages.md")
    said = Message.model_validate_json(example)
    assert [one.record(one.order).slot for one in said.orders] == [0]
    assert said.cancel
    assert all(f"| `webhook-{name}` |" in told for name in ("id", "timestamp", "signature"))
