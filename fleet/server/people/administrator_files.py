"""Import of the file of ID administrators, as CSV: read whole, and each fault named.

Rules: as those of orders (`fleet.server.orders.order_files`). Roles and scope have spaces between them. Nothing is assumed
where a column is missing: who may attend where is said.

>>> read_administrators(b"hsa_id,name\\n")
Traceback (most recent call last):
...
fleet.server.files.csv_files.FileError: 6 problems
"""

from fleet.messages.link import Administrator
from fleet.server.files.csv_files import CsvLine, FileError, FileProblem, check_unique, read_lines
from fleet.server.files.import_files import PERSON_RULES, ColumnRule, broken_rules, is_day
from fleet.server.people.model import ListedAdministrator
from fleet.server.web.roles import STATIONS

ADMINISTRATOR_COLUMNS = ("hsa_id", "name", "roles", "level", "scope", "valid_from", "valid_until", "decision")
ROLES = ("KRA", "KUR")

_DAY_OR_EMPTY = ColumnRule(lambda text: not text or is_day(text), "must be a day as YYYY-MM-DD, or empty")
RULES = {
    **PERSON_RULES,
    "roles": ColumnRule(lambda text: _are_roles(text.split()), "must be KRA, KUR, or both with a space between"),
    "level": ColumnRule(lambda text: text in ("2", "3"), "must be 2 or 3; only who has 3 may attend"),
    "scope": ColumnRule(
        lambda text: 0 < len(text) <= 500 and all(STATIONS.match(pattern) for pattern in text.split()),
        "stations, with spaces between: a name, the beginning of names followed by *, or * for all",
    ),
    "valid_from": _DAY_OR_EMPTY,
    "valid_until": _DAY_OR_EMPTY,
    "decision": ColumnRule(
        lambda text: 0 < len(text) <= 200,
        "the decision of the responsible issuer that the row rests on, at most 200 characters",
    ),
}


def read_administrators(raw: bytes) -> list[ListedAdministrator]:
    """The people of a file of administrators; at least one. Raises FileError with every problem."""
    lines = read_lines(raw, ADMINISTRATOR_COLUMNS)
    if not lines:
        raise FileError([FileProblem(1, "hsa_id", "the list is empty: nobody could attend")])
    problems = [problem for line in lines for problem in _problems(line)]
    people = [] if problems else [_listed(line.fields) for line in lines]
    return check_unique(people, problems, lines, "hsa_id")


def _problems(line: CsvLine) -> list[FileProblem]:
    problems = broken_rules(line, RULES)
    first, last = line.fields["valid_from"], line.fields["valid_until"]
    if not problems and first and last and last < first:
        problems.append(FileProblem(line.number, "valid_until", "is before valid_from"))
    return problems


def _listed(fields: dict[str, str]) -> ListedAdministrator:
    roles = tuple(role for role in ROLES if role in fields["roles"].split())
    days = (fields["valid_from"] or None, fields["valid_until"] or None)
    level = 3 if fields["level"] == "3" else 2
    person = Administrator(fields["hsa_id"], fields["name"], roles, level, *days)  # type: ignore[arg-type]  # of ROLES
    return ListedAdministrator(person, tuple(fields["scope"].split()), fields["decision"])


def _are_roles(names: list[str]) -> bool:
    return bool(names) and len(set(names)) == len(names) and set(names) <= set(ROLES)
