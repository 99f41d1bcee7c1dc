"""Import of directory files, as CSV: who has left, and whose name has changed.

Rules: as for orders: the whole file is read and checked before anything is stored; a name of a protected identity is dropped.

>>> (row,) = read_directory(b"hsa_id,name,protected,left,continued,name_changed\\nTEST000000-0001,Alva Test,no,2026-05-31,no,\\n")
>>> row.hsa_id, row.left, row.name_changed
('TEST000000-0001', '2026-05-31', None)
"""

from fleet.server.files.csv_files import CsvLine, FileProblem, check_unique, read_lines
from fleet.server.files.import_files import PERSON_RULES, ColumnRule, broken_rules, is_day
from fleet.server.people.model import PersonRow

DIRECTORY_COLUMNS = ("hsa_id", "name", "protected", "left", "continued", "name_changed")

_YES_NO = ColumnRule(lambda text: text in ("yes", "no", ""), "must be yes, no or empty")
_DAY = ColumnRule(lambda text: not text or is_day(text), "must be a day as YYYY-MM-DD, or empty")
RULES = {
    "hsa_id": PERSON_RULES["hsa_id"],
    "name": ColumnRule(lambda text: len(text) <= 120, "at most 120 characters"),
    "protected": _YES_NO,
    "left": _DAY,
    "continued": _YES_NO,
    "name_changed": _DAY,
}


def read_directory(raw: bytes) -> list[PersonRow]:
    """The people of the file. Raises FileError with every problem."""
    lines = read_lines(raw, DIRECTORY_COLUMNS)
    problems = [problem for line in lines for problem in _problems(line)]
    return check_unique([_row(line.fields) for line in lines], problems, lines, "hsa_id")


def _problems(line: CsvLine) -> list[FileProblem]:
    problems, fields = broken_rules(line, RULES), line.fields
    if fields["protected"] != "yes" and not fields["name"]:
        problems.append(FileProblem(line.number, "name", "is empty, and the identity is not protected"))
    if fields["continued"] == "yes" and not fields["left"]:
        problems.append(FileProblem(line.number, "continued", "goes with a day in left"))
    return problems


def _row(fields: dict[str, str]) -> PersonRow:
    protected = fields["protected"] == "yes"
    return PersonRow(
        hsa_id=fields["hsa_id"],
        name=None if protected else fields["name"],
        protected=protected,
        left=fields["left"] or None,
        continued=fields["continued"] == "yes",
        name_changed=fields["name_changed"] or None,
    )
