"""Write tables of the documents: errands (README.md) from their folders, and what has run on which board
(docs/appliance.md) from docs/has-run-on.toml.

python -m scripts.write_errands            # writes them
python -m scripts.write_errands --check    # exit 1 where one of them is not what would be written

A new errand works, and its tests pass, before it is listed there: the tests compare the rows of those errands that are named.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fleet.messages.errand_catalog import catalog, folder

ROOT = Path(__file__).resolve().parents[1]
README, APPLIANCE = ROOT / "README.md", ROOT / "docs" / "appliance.md"
HEADING = "## On cards of each kind"
ROW = re.compile(r"^\| errands \|.*$", re.MULTILINE)
HAS_RUN_ON = re.compile(r"(?<=<!-- has run on -->\n).*?(?=<!-- end -->)", re.DOTALL)


def walk_files(errand: str) -> list[str]:
    """The documented answers files of an errand: `walk.toml`, then those of its other ways."""
    return sorted((path.name for path in (folder() / errand).glob("walk*.toml")), key=lambda name: (len(name), name))


def ends(errand: str, file: str = "walk.toml") -> dict[str, str]:
    """Return how a walk with that file ends by kind of card, as the errand's page says: `done`, `refused not_writable`."""
    page = (folder() / errand / "README.md").read_text(encoding="utf-8")
    heading = HEADING if file == "walk.toml" else f"{HEADING}, with [{file}]({file})"
    section = page.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    head, _, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    return {kind: cell.replace("`", "") for kind, cell in zip(head, row, strict=True) if cell}


def readme_row(only: Collection[str] | None = None) -> str:
    """The row of README.md that names every errand (or `only` these)."""
    named = [entry for entry in catalog() if only is None or entry.id in only]
    people = ", ".join(f"`{entry.id}`" for entry in named if entry.who != "administrator")
    administrators = ", ".join(f"`{entry.id}`" for entry in named if entry.who == "administrator")
    proof = "virtual devices; virtual cards of four kinds through pcscd"
    return f"| errands | {people}; for the administrator {administrators} | {proof} |"


def read_boards() -> dict[str, Any]:
    """docs/has-run-on.toml: `stages`, and of each of the `boards` what is known of each stage."""
    return tomllib.loads((ROOT / "docs" / "has-run-on.toml").read_text(encoding="utf-8"))


def boards_table() -> str:
    """The table of docs/appliance.md: what is known of each board, and under it by what."""
    has_run_on, sources = read_boards(), list[str]()
    boards = has_run_on["boards"]
    lines = [f"| | {' | '.join(boards)} |", "|---" * (1 + len(boards)) + "|"]
    for stage in has_run_on["stages"]:
        cells = [_board_cell(board[stage], sources) for board in boards.values()]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{number}. {source}" for number, source in enumerate(sources, 1))]) + "\n"


def _board_cell(entry: str, sources: list[str]) -> str:
    """`shown (1)`: the number of its source, which is added to the list where it is new."""
    word, _, source = entry.partition(" ")
    if word == "not":
        return entry
    if source not in sources:
        sources.append(source)
    return f"{f'**{word}**' if word == 'shown' else word} ({sources.index(source) + 1})"


def main() -> int:
    """Write or compare. Exit code 1 where a page differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check, differs = parser.parse_args().check, False
    tables = ((README, ROW, readme_row()), (APPLIANCE, HAS_RUN_ON, boards_table()))
    for page, pattern, text in tables:
        before = page.read_text(encoding="utf-8")
        after = pattern.sub(lambda _, text=text: text, before, count=1)  # type: ignore[misc]  # bound now
        differs = differs or before != after
        if not check:
            page.write_text(after, encoding="utf-8")
        elif before != after:
            print(f"{page.name} is not what the folders say; run python -m scripts.write_errands", file=sys.stderr)
    return 1 if check and differs else 0


if __name__ == "__main__":
    sys.exit(main())
