"""The pilot's handbook, data-protection sheet and sign say what the program does, and are printed on the paper that they name."""

import re
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from drivers.reader.outcomes import Accepted, Role, WrongCode
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from kiosk.cli.desk import REGION
from kiosk.errands.registry import ERRANDS
from kiosk.region import SHIPPED, general, load
from kiosk.station.journal_schema import SCHEMA
from kiosk.station.log_bundle import WARNINGS
from kiosk.station.pilot import ADVICE, FILE, PilotStop
from kiosk.texts import Texts
from kiosk.views import say
from scripts import print_docs
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.docs.pages import DOCS, ROOT, page, text
from tests.drivers.reader.conftest import visit_to, wrong_codes

PILOT, SHEET = page("sv/pilot.md"), page("sv/dataskydd.md")
CORNER = load(SHIPPED / "pilot.toml")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def rows(of: str, head: str) -> list[list[str]]:
    """Cells of the table under that head."""
    table = of.split(head)[1].split("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]


def title(errand: str) -> str:
    return Texts.load().plain(say(f"home.{errand}"), "sv")


def test_each_pilot_names_its_errands_by_their_tiles() -> None:
    first, second, third = (set(re.findall(r"\*([^*]+)\*", row[1])) for row in rows(PILOT, "| vem säger ja |"))
    assert CORNER.errands is not None
    assert first == {title(errand) for errand in CORNER.errands}
    assert (second, third) == ({title("return_card")}, {title("pickup")})


def test_the_stop_rule_is_told_with_every_reason() -> None:
    reasons = [row[0].strip("`") for row in rows(PILOT, "| skäl | vad som har hänt |")]
    assert reasons == [*ADVICE] == [*get_args(PilotStop)]
    assert reasons[:3] == ["try_lost", "not_genuine", "number_written"], "these three are the rule"
    for name in (FILE, REGION):
        assert f"`{name}`" in PILOT


def test_the_shipped_profiles_of_cards_in_use_only_read() -> None:
    """Else the first step of the handbook would be for nothing."""
    assert "läser bara" in PILOT
    for name in ("region-stockholm-temporary", "telia-eid-ip5a"):
        assert builtin().match_name(name).read_only


def test_the_counts_can_be_asked_of_a_stations_file(tmp_path: Path) -> None:
    (command,) = re.findall(r'^sqlite3 .* "(SELECT .*)"$', PILOT, re.MULTILINE)
    with closing(sqlite3.connect(tmp_path / "station.sqlite")) as cx:
        cx.executescript(SCHEMA)
        cx.executemany(
            "INSERT INTO errand (id, kind, started, outcome) VALUES (?, ?, '', ?)",
            [("1", "unblock", "done"), ("2", "unblock", "done"), ("3", "change_pin", "refused")],
        )
        assert cx.execute(command).fetchall() == [("change_pin", "refused", 1), ("unblock", "done", 2)]


async def test_tries_are_kept_under_the_chips_number_until_the_code_is_right(tmp_path: Path) -> None:
    """Of any card: also of one whose own counter can be read."""
    files = [row[0].strip("`") for row in rows(SHEET, "| fil | innehåll |")]
    assert files == ["station.sqlite", "tries.json", WARNINGS, FILE]
    file, someone = tmp_path / "tries.json", person(6)
    card = VirtualCard.create(someone.new, TestAuthority.create(NOW), NOW)
    async with visit_to(card, ledger=FileLedger(file)) as visit:
        serial = visit.facts.serial
        assert isinstance(await visit.verify(Role.IDENTIFICATION, wrong_codes(1)[0]), WrongCode)
    assert serial in file.read_text()
    async with visit_to(card, ledger=FileLedger(file)) as visit:
        assert isinstance(await visit.verify(Role.IDENTIFICATION, Secret(someone.new.pin)), Accepted)
    assert serial not in file.read_text()


def test_the_bills_of_materials_sum_up() -> None:
    parts = rows(page("hardware.md"), "| part | class |")
    sums = {row[0].strip("*").removeprefix("sum of "): row[5:] for row in parts if row[0].startswith("**")}
    assert [*sums] == ["A", "B", "C"]
    for column, station in enumerate(sums, 2):
        counted = [(int(row[column] or 0), row[5:]) for row in parts if not row[0].startswith(("**", "---"))]
        for unit in range(3):
            ends = [[count * float(cells[unit].split("–")[end]) for count, cells in counted] for end in (0, -1)]
            assert "–".join(f"{sum(each):.10g}" for each in ends) == sums[station][unit], (station, unit)


def test_the_sign_says_what_the_tiles_say() -> None:
    words = re.sub(r"<[^>]*>", "", print_docs.sign().split("<body>")[1])
    assert CORNER.errands is not None
    at = [words.index(title(errand.id)) for errand in ERRANDS if errand.id in CORNER.errands]
    assert at == sorted(at)
    assert len(at) == 4
    for said in ("kortet och koderna i brevet", "Ditt namn och ditt kortnummer sparas inte.", general().block_line):
        assert said in words


def test_what_is_printed_names_no_place_of_this_machine_and_no_page_that_paper_cannot_open() -> None:
    for name in print_docs.HANDOUTS:
        made = print_docs.handout(text(DOCS / f"sv/{name}.md"))
        assert str(ROOT) not in made
        assert "<hr" not in made, "a line to write on stands alone, which Markdown takes for a rule"
        assert [link for link in re.findall(r'href="([^"]*)"', made) if not link.startswith("https:")] == []
    assert "docs/first-card.md" in print_docs.handout(PILOT)
    assert print_docs.handout(PILOT).count('<section class="sheet">') == len(print_docs.OWN_SHEETS)


@pytest.mark.browser
def test_the_documents_are_printed_on_their_paper(tmp_path: Path) -> None:
    sizes = {}
    for file in print_docs.write(tmp_path):
        told = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
        pages, paper = re.search(r"Pages: +(\d+)", told), re.search(r"Page size: .*\((\w+)\)", told)
        assert pages
        assert paper
        sizes[file.stem] = paper[1], int(pages[1])
    assert sizes["skylt"] == ("A3", 1)
    assert sizes["dataskydd"] == ("A4", 2)
    paper_of_pilot, pages_of_pilot = sizes["pilot"]
    assert (paper_of_pilot, pages_of_pilot <= 6) == ("A4", True)


def test_without_chromium_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.pdf").write_text("of an earlier build")
    monkeypatch.setattr(print_docs.shutil, "which", lambda _name: None)
    with pytest.raises(print_docs.PrintError, match=r"chromium is not installed; `make setup` installs it"):
        print_docs.print_page("<p>", tmp_path / "old.pdf")
    assert not (tmp_path / "old.pdf").exists()


def test_a_chromium_that_prints_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 0\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(print_docs.PrintError, match=r"did not print page.pdf: no display"):
        print_docs.print_page("<p>", tmp_path / "page.pdf")
