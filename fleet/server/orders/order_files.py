"""Import of order files that the office gives, as CSV.

Rules: the whole file is read and checked before anything is stored, and each thing that is wrong is named with line,
column and reason (the first hundred). UTF-8 with or without a byte order mark; comma or semicolon; any line ends. The
header names exactly the columns; `delivery` may be left out. A name of a protected identity is dropped here and stored nowhere.

>>> read_orders(b"order,hsa_id\\n")
Traceback (most recent call last):
...
fleet.server.files.csv_files.FileError: 10 problems
"""

import re

from fleet.messages.topics import STATION_NAME
from fleet.server.files.csv_files import CsvLine, FileProblem, check_unique, read_lines
from fleet.server.files.import_files import PERSON_RULES, ColumnRule, broken_rules, is_day
from fleet.server.orders.model import OrderLine, OrderRecord

ORDER_COLUMNS = (
    "order",
    "hsa_id",
    "name",
    "protected",
    "card_number",
    "product",
    "loa",
    "station",
    "slot",
    "last_day",
    "envelope_key",
    "envelope_mac",
)
DELIVERY = "delivery"
"""A last column, which files of offices that hand out at stations alone do not have."""
MAX_SLOT = 999

_ORDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_CARD_NUMBER = re.compile(r"[A-Z0-9]{4,40}\Z")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_MAC = re.compile(r"[0-9a-f]{64}\Z")


ORDER_RULES = {
    "order": ColumnRule(_ORDER.match, "1 to 64 of letters, digits, dot, hyphen and underscore"),
    "hsa_id": PERSON_RULES["hsa_id"],
    "name": ColumnRule(lambda text: len(text) <= 120, "at most 120 characters"),
    "protected": ColumnRule(lambda text: text in ("yes", "no", ""), "must be yes, no or empty"),
    "card_number": ColumnRule(_CARD_NUMBER.match, "4 to 40 digits or capital letters, without spaces"),
    "product": ColumnRule(lambda text: 0 < len(text) <= 80, "1 to 80 characters"),
    "loa": ColumnRule(lambda text: text in ("2", "3"), "must be 2 or 3"),
    "station": ColumnRule(STATION_NAME.match, "must be a station name: 1 to 40 of a-z, 0-9 and hyphens"),
    "slot": ColumnRule(lambda text: _is_slot(text), f"must be a whole number from 1 to {MAX_SLOT}, or empty"),
    "last_day": ColumnRule(lambda text: is_day(text), "must be a day as YYYY-MM-DD"),
    "envelope_key": ColumnRule(lambda text: not text or _KEY_ID.match(text), "must be the id of a key, or empty"),
    "envelope_mac": ColumnRule(
        lambda text: not text or _MAC.match(text.lower()), "must be 64 hexadecimal digits, or empty"
    ),
    DELIVERY: ColumnRule(lambda text: text in ("station", "post", ""), "must be station, post or empty"),
}


def read_orders(raw: bytes) -> list[OrderLine]:
    """The rows of a file of orders. Raises FileError with every problem."""
    lines = read_lines(raw, ORDER_COLUMNS, DELIVERY)
    problems = [problem for line in lines for problem in _order_problems(line)]
    return check_unique(
        [OrderLine(line.number, _record(line.fields)) for line in lines if not problems], problems, lines, "order"
    )


def _order_problems(line: CsvLine) -> list[FileProblem]:
    problems = broken_rules(line, ORDER_RULES)
    fields = line.fields
    if fields["protected"] != "yes" and not fields["name"]:
        problems.append(FileProblem(line.number, "name", "is empty, and the identity is not protected"))
    if fields[DELIVERY] == "post" and fields["slot"]:
        problems.append(FileProblem(line.number, "slot", "a card that goes by post has no slot"))
    if bool(fields["envelope_key"]) != bool(fields["envelope_mac"]):
        column = "envelope_mac" if fields["envelope_key"] else "envelope_key"
        problems.append(
            FileProblem(line.number, column, "envelope_key and envelope_mac are given together or not at all")
        )
    return problems


def _record(fields: dict[str, str]) -> OrderRecord:
    protected = fields["protected"] == "yes"
    return OrderRecord(
        order=fields["order"],
        hsa_id=fields["hsa_id"],
        name=None if protected else fields["name"],
        protected=protected,
        card_number=fields["card_number"],
        product=fields["product"],
        loa=int(fields["loa"]),
        station=fields["station"],
        slot=int(fields["slot"] or 0),
        last_day=fields["last_day"],
        envelope_key=fields["envelope_key"] or None,
        envelope_mac=fields["envelope_mac"].lower() or None,
        delivery="post" if fields[DELIVERY] == "post" else "station",
    )


def _is_slot(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_SLOT)
