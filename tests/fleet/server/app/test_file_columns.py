"""Lists as files: what a list's page shows is in its file too, or is left out on purpose."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import fleet.server
from fleet.server.files.file_exports import FileExport
from fleet.server.pages import rooms

SERVER = Path(fleet.server.__file__).parent
TABLES = {"updates": "runs"}
"""Ids of the tables of pages that are not called as their list."""


def all_exports() -> dict[str, FileExport[Any]]:
    """Every list that can be had as a file, found in the rooms of the server."""
    modules = rooms.modules("exports").values()
    exports = [value for module in modules for value in vars(module).values() if isinstance(value, FileExport)]
    return {export.name: export for export in exports}


@cache
def templates() -> str:
    return "\n".join(path.read_text() for path in SERVER.rglob("templates/*.html"))


def page_headings(name: str) -> set[str]:
    """Keys of the headings of that list's table, and words that stand there as they are."""
    heads = re.findall(rf'<table id="{TABLES.get(name, name)}".*?</thead>', templates(), re.DOTALL)
    assert heads, f"no page has a table {name}"
    head = re.sub(r'<span class="sr">.*?</span>', "", "".join(heads))
    plain = {text for text in re.findall(r'<th scope="col"[^>]*>([^<{]+)</th>', head) if text.strip()}
    return plain | set(re.findall(r't\("([a-z_.]+)"', re.sub(r'aria-label="[^"]*"', "", head)))


def forgotten(export: FileExport[Any]) -> list[str]:
    """Headings of the page that the file does not give."""
    given = {key for column in export.columns for key in (column.heading, *column.shows)} | set(export.left_out)
    return sorted(
        key
        for key in page_headings(export.name)
        if key not in given and not (key.endswith(".") and any(known.startswith(key) for known in given))
    )


@pytest.mark.parametrize("name", sorted(all_exports()))
def test_what_a_page_shows_is_in_its_file(name: str) -> None:
    assert forgotten(all_exports()[name]) == []


@pytest.mark.parametrize("name", sorted(all_exports()))
def test_what_is_left_out_or_shown_is_on_the_page(name: str) -> None:
    export = all_exports()[name]
    named = {key for column in export.columns for key in column.shows} | set(export.left_out)
    assert named <= page_headings(name)


def test_every_list_with_a_link_to_a_file_is_tried() -> None:
    assert set(re.findall(r'm\.export\("([a-z]+)"', templates())) == set(all_exports())


def test_a_column_that_a_file_forgets_is_found() -> None:
    orders = all_exports()["orders"]
    short = replace(orders, columns=tuple(column for column in orders.columns if column.heading != "col.slot"))
    assert forgotten(short) == ["col.slot"]
