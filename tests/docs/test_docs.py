"""The documents say what is so: links lead somewhere, commands and tests exist, tables are those of the program."""

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from drivers.cabinet.port import CabinetFault, SlotFault
from fleet.messages.vocabulary import DeviceStatus, ErrandOutcome, Retention
from fleet.server.alerts.rules import LATCHED
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.cli import main as fleet_main
from fleet.server.orders.model import STATES
from fleet.server.orders.order_files import ORDER_COLUMNS, read_orders
from fleet.server.people.administrator_files import read_administrators
from fleet.server.retention import settings as retention_settings
from fleet.server.retention.other_records import AS_LONG_AS, TABLES
from fleet.server.stations import alarms
from kiosk.barcodes import CardNumber, EnvelopeCode, OrderCode, envelope_code, order_code, parse_scan
from kiosk.cli import main as kiosk_main
from kiosk.config import Config
from kiosk.errands.registry import ERRANDS
from kiosk.first_boot.plan import SetupPlan
from kiosk.station import cabinet_states as cabinets
from kiosk.station.journal import DONE
from kiosk.station.self_test import PRINTER_WORDS
from kiosk.texts import Texts
from kiosk.views import say
from provisioning.cli import main as provision_main
from scripts import docs_site
from sim.bench.faults import FAULTS
from sim.printer.machine import PrinterFaults
from sim.reader.kinds import KINDS
from tests.docs.pages import DOCS, ERRAND_PAGES, FENCE, LINK, OURS, PAGES, ROOT, anchors, blocks, named, page, text


@pytest.mark.parametrize("one", PAGES, ids=named)
def test_every_link_leads_somewhere(one: Path) -> None:
    for target in LINK.findall(FENCE.sub("", text(one))):
        if re.match(r"[a-z-]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (one.parent / name).resolve() if name else one
        assert path.exists(), f"{named(one)}: {target}"
        assert path.is_relative_to(ROOT), f"{named(one)}: {target} leads out of the project"
        assert not anchor or anchor in anchors(path), f"{named(one)}: {target}"


def test_every_document_is_listed_in_the_readme() -> None:
    readme = text(ROOT / "README.md")
    for one in DOCS.glob("*.md"):
        assert f"(docs/{one.name})" in readme, one.name


PROGRAMS = {"kortkiosk": kiosk_main, "kortkiosk-fleet": fleet_main, "kortkiosk-provision": provision_main}


@cache
def helped(*command: str) -> str:
    """What `PROGRAM COMMAND --help` says; fails where there is no such command. Within this process, which is quicker."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            ended: object = PROGRAMS[command[0]]([*command[1:], "--help"])
        except SystemExit as left:
            ended = left.code
    assert ended == 0, " ".join(command)
    return out.getvalue()


GROUPS = (
    ["authority"],
    ["appliance"],
    ["quarantine"],
    ["bundle"],
    ["update"],
    ["card"],
    ["devices"],
    ["user"],
    ["token"],
    ["secrets"],
    ["station"],
)
COMMAND = re.compile(r"(?<![\w/.-])(kortkiosk(?:-fleet|-provision)?)((?: [^\s`|·]+)*)")


def commands() -> dict[tuple[str, ...], set[str]]:
    """Commands that the documents name, with the options that they give them."""
    found: dict[tuple[str, ...], set[str]] = {}
    for one in OURS:
        spans = re.findall(r"`(kortkiosk[^`\n]*)`", FENCE.sub("", text(one)))
        spans += [line for info, body in FENCE.findall(text(one)) if not info.strip() for line in body.splitlines()]
        for span in spans:
            for program, rest in COMMAND.findall(span):
                words = rest.split()
                deep = 2 if words[:1] in GROUPS else 1
                names = tuple(word for word in words[:deep] if word.islower())
                found.setdefault((program, *names), set()).update(w.split("=")[0] for w in words if w.startswith("--"))
    return {command: options for command, options in found.items() if "/" not in " ".join(command)}


def test_every_command_that_is_named_exists_with_its_options() -> None:
    found = commands()
    assert len(found) > 12, "the documents' commands are not found any more"
    for command, options in found.items():
        said = helped(*command)
        for option in options - {"--help"}:
            assert option in said, f"{' '.join(command)} has no {option}"


def test_every_option_that_is_named_is_one_of_some_program() -> None:
    said = "".join(helped(*command) for command in commands())
    for one in OURS:
        for option in re.findall(r"`(--[a-z-]+)[ `]", text(one)):
            assert option in said, f"{named(one)}: {option}"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named_ones = set()
    for one in [*OURS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        named_ones |= set(re.findall(r"(?:^|`)make ([a-z-]+)", text(one), re.MULTILINE))
    assert {"demo", "test"} <= named_ones <= targets


def test_every_test_that_is_named_exists() -> None:
    found = {match for one in OURS for match in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text(one))}
    assert len(found) > 20
    for path, name in sorted(found):
        assert (ROOT / path).is_file(), path
        assert f"def {name}(" in text(ROOT / path), f"{path} has no {name}"


def test_every_file_that_is_named_exists() -> None:
    for one in OURS:
        for path in re.findall(r"`((?:kiosk|drivers|fleet|provisioning|sim|scripts|tests)/[\w/.]+)`", text(one)):
            assert (ROOT / path).exists(), f"{named(one)}: {path}"


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, field) of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def test_the_settings_are_those_of_the_program_with_their_defaults() -> None:
    table = page("operations-reference.md").split("## station.toml")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| `([^`]*)` \| (.+) \|$", table, re.MULTILINE)
    said = {key: (default, meaning) for key, default, meaning in rows}
    known = dict(keys(Config))
    assert list(said) == list(known)
    for key, field in known.items():
        default, meaning = said[key]
        assert default == json.dumps(field.default, ensure_ascii=False), key
        if get_origin(field.annotation) is Literal:
            for value in get_args(field.annotation):
                assert f"`{value}`" in meaning, f"{key}: {value}"


def test_toml_in_the_documents_is_toml_and_the_examples_are_a_setup_file_and_a_configuration() -> None:
    for block in blocks("toml"):
        tomllib.loads(block)
    (setup,), (example,) = (blocks("toml", DOCS / name) for name in ("operations.md", "operations-reference.md"))
    SetupPlan.model_validate(tomllib.loads(setup))
    Config.model_validate(tomllib.loads(example))


def test_the_example_of_orders_can_be_imported_and_every_column_is_told() -> None:
    example, people = blocks("csv", DOCS / "operations.md")
    first, second = read_orders(example.encode())
    assert first.record.name is not None
    assert second.record.protected
    told = re.findall(r"^\| `(\w+)` \|", page("operations.md").split("| column |")[1], re.MULTILINE)
    assert tuple(told[: len(ORDER_COLUMNS)]) == ORDER_COLUMNS
    assert [one.administrator.roles for one in read_administrators(people.encode())] == [("KRA",), ("KRA", "KUR")]


def test_every_reason_of_the_home_screen_is_told_in_its_words() -> None:
    codes = {"store", "orders", "door"} | {need for errand in ERRANDS for need in errand.needs}
    texts = Texts.load()
    for code in codes:
        row = (
            f"| {texts.plain(say(f'home.no.{code}'), 'sv')} · {texts.plain(say(f'home.no.{code}'), 'en')} | `{code}` |"
        )
        assert row in page("operations-reference.md")


def test_everything_that_may_be_missing_is_told() -> None:
    source = "\n".join(text(path) for path in (ROOT / "kiosk" / "station").glob("*.py"))
    told = page("operations-reference.md").split("\n| code | what is missing |")[1].split("\n\n")[0]
    codes = set(re.findall(r"(?:JoinError|report)\(\"(\w+)\"", source))
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == codes


def test_every_fault_of_a_cabinet_is_told() -> None:
    told = page("operations-reference.md").split("\n| state | what is so |")[1].split("\n\n")[0]
    codes = {cabinets.cabinet_state_code(fault(*(() for _ in fields(fault)))) for fault in get_args(CabinetFault)}
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == codes


def test_every_state_of_an_order_is_told() -> None:
    told = page("operations.md").split("| state | means |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE) == [*STATES, "expired"]


def test_the_example_of_periods_is_one_and_every_period_is_told(tmp_path: Path) -> None:
    (example,) = blocks("toml retention", DOCS / "operations.md")
    path = tmp_path / "retention.toml"
    path.write_text(example)
    assert retention_settings.load(path).held
    said = page("operations.md")
    shipped = retention_settings.load().days
    for name in shipped.__struct_fields__:
        assert f"| `{name}` | {getattr(shipped, name)} |" in said
    assert set(TABLES) | set(Retention) == {*shipped.__struct_fields__, *AS_LONG_AS}


def alert_tables() -> list[dict[str, str]]:
    """Severity of each rule: in the table of those that close by themselves, and of those that somebody acknowledges."""
    tables = [part.split("\n\n")[0] for part in page("operations-reference.md").split("| rule | severity |")[1:]]
    rows = [re.findall(r"^\| (`[^|]+`) \| (\w+) \|", table, re.MULTILINE) for table in tables]
    return [{code: severity for codes, severity in table for code in re.findall(r"`(\w+)`", codes)} for table in rows]


def test_every_rule_of_alerts_is_told_with_its_severity_and_the_example_is_one(tmp_path: Path) -> None:
    passing, latched = alert_tables()
    assert passing | latched == {code: rule.severity for code, rule in load_alerts().rule.items()}
    assert set(latched) == LATCHED
    (example,) = blocks("toml alerts", DOCS / "operations.md")
    (tmp_path / "alerts.toml").write_text(example)
    assert load_alerts(tmp_path / "alerts.toml").rule["offline"].after_s == 600


def test_every_alarm_is_told() -> None:
    _, latched = alert_tables()
    assert {value for name, value in vars(alarms).items() if name.isupper()} <= set(latched)


def ends_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Outcome and reason of `context.stop(reason, outcome)`, of `context.end(reason, outcome)` and of `Ended(outcome, reason)`,
    where they are written out."""
    match node:
        case ast.Call(func=ast.Attribute(attr="stop"), args=[reason, *outcome]):
            usual = "REFUSED"
        case ast.Call(func=ast.Attribute(attr="end"), args=[reason, *outcome]):
            usual = "DONE"
        case ast.Call(func=ast.Name(id="Ended"), args=[ast.Attribute(attr=usual), reason]):
            outcome = []
        case _:
            return
    ended = outcome[0].attr if outcome and isinstance(outcome[0], ast.Attribute) else usual
    for one in [reason.body, reason.orelse] if isinstance(reason, ast.IfExp) else [reason]:
        if isinstance(one, ast.Constant) and one.value:
            yield ErrandOutcome[ended].value, str(one.value)


def test_every_end_of_an_errand_is_told() -> None:
    trees = [ast.parse(text(path)) for path in (ROOT / "kiosk").rglob("*.py")]
    ends = {end for tree in trees for node in ast.walk(tree) for end in ends_of(node)}
    ends |= {("fault", f"slot_{fault.value}") for fault in SlotFault}
    assert len(ends) > 80
    told = [page("journeys.md"), *(text(path) for path in ERRAND_PAGES)]
    rows = [line for one in told for line in one.splitlines() if line.startswith("|")]
    for outcome, reason in ends:
        assert any(row.startswith(f"| `{outcome}` |") and f"`{reason}`" in row for row in rows), (outcome, reason)
    assert set(re.findall(r"`(\w+)`", " ".join(row.split("|")[2] for row in rows if "`slot.open`" in row))) <= DONE


def test_every_kind_of_virtual_card_is_told_with_its_tries() -> None:
    rows = dict(re.findall(r"^\| ([A-Z]) \|.*\| (\d+, \d+) \|$", page("virtual-devices.md"), re.MULTILINE))
    assert rows == {kind.kind: f"{kind.pin_tries}, {kind.puk_tries}" for kind in KINDS.values()}


def test_the_wiring_is_what_its_program_draws() -> None:
    program = ROOT / "scripts/draw_wiring.py"
    done = subprocess.run([sys.executable, str(program), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pictures_are_small_enough_for_a_page() -> None:
    for picture in (DOCS / "pictures").iterdir():
        assert picture.stat().st_size < 120_000, picture.name


def test_the_codes_of_a_scanner_are_as_they_are_written() -> None:
    for example, meaning in (
        ("9999 0000 2026 0001", CardNumber("9999000020260001")),
        (order_code("2026-0001"), OrderCode("2026-0001")),
        (envelope_code("9999000020260001"), EnvelopeCode("9999000020260001")),
    ):
        assert f"| `{example}` |" in page("hardware.md")
        assert parse_scan(example) == meaning


def test_every_fault_of_the_virtual_printer_and_every_state_that_it_tells_is_told() -> None:
    told = page("virtual-devices.md").split("## The virtual printer")[1].split("| fault |")[1].split("\n\n")[0]
    named_ones = {name for row in told.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named_ones == {field.name for field in fields(PrinterFaults)}
    states = page("messages.md").split("States of devices:")[1].split("of pins also")[0]
    receipts = page("receipts.md").split("The printer is asked every two seconds")[1].split("\n\n")[0]
    for status in set(PRINTER_WORDS) - {DeviceStatus.READY}:
        assert f"`{status}`" in states, status
        assert f"`{status}`" in receipts, status


def test_every_fault_of_the_virtual_devices_is_told() -> None:
    told = page("hardware.md").split("| fault | state that is found |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z_.]+)` \| `\w+` \|$", told, re.MULTILINE) == list(FAULTS)


def test_every_page_has_its_place_in_the_site() -> None:
    named = [f"{name}.md" for names in docs_site.PARTS.values() for name in names.split()]
    pages = {str(path.relative_to(DOCS)) for path in (*DOCS.glob("*.md"), *DOCS.glob("sv/*.md"))}
    assert {*named} - {"gallery/README.md", "decisions/README.md"} == pages | {*docs_site.OUTSIDE.values()} - {
        "index.md"
    }
    assert len(named) == len({*named})


def test_a_page_of_the_site_leads_to_pages_alone() -> None:
    there = frozenset({"install.md", "index.md", "pictures/a.png"})
    text = "[flash](../docs/install.md#flash-it) ![a](../docs/pictures/a.png) [code](../fleet/app.py)"
    text += " [x](https://x.test) [`b`](../README.md)"
    led = docs_site.placed(text, "drivers/README.md", "card-reader.md", there)
    assert led == "[flash](install.md#flash-it) ![a](pictures/a.png) code [x](https://x.test) [`b`](index.md)"
