"""What has run on which board is said in one place: `docs/has-run-on.toml`, its table, and nowhere else."""

import re

import pytest

from scripts.write_errands import HAS_RUN_ON, boards_table, read_boards
from tests.docs.pages import DOCS, FENCE, OURS, ROOT, named, page, text

KNOWN = re.compile(r"(shown by|read in) \S.*|not known")
LINK = "appliance.md#what-has-run-on-which-board"
LINKING = ["README.md", "docs/install.md", "docs/updates.md", "docs/conformity.md", "docs/threat-model.md", "docs/hardware.md",
           "docs/bring-up.md"]  # fmt: skip
BOARD = re.compile(r"\b(?:Raspberry )?Pis? (?:3|4|400|5)\b|\bRaspberry Pis?\b|\breal PCs?\b", re.IGNORECASE)
CLAIM = re.compile(
    r"\b(boots|booted|(has|have|was|were) (\w+ )?(run|shown)|ran|runs|started|tested|tried|works|worked)\b",
    re.IGNORECASE,
)
"""That a machine did something, or that none did."""
CELLS = {"4": "Pi 4B", "400": "Pi 400", "5": "Pi 5"}


def claims(prose: str) -> list[str]:
    """Sentences, and rows of tables, that say of a board that it runs, while the file does not have it as shown."""
    plain = re.sub(r"\((?:[^()\s]+)\)|`[^`]*`", "", HAS_RUN_ON.sub("", FENCE.sub("", prose)))
    sentences = re.split(r"(?<=[.:;*])\s|\n(?=\||\n|- )", plain)
    return [" ".join(one.split()) for one in sentences if CLAIM.search(one) and any(map(unshown, BOARD.findall(one)))]


def unshown(board: str) -> bool:
    """Whether the file does not have the firmware of such a board as having found its kernel."""
    number = re.search(r"\d+", board)
    wanted = CELLS.get(number[0], "Pi") if number else "PC, real" if "PC" in board else "Pi"
    known = [cells for name, cells in read_boards()["boards"].items() if name.startswith(wanted)]
    return not known or any(not cells["firmware finds kernel"].startswith("shown") for cells in known)


def test_each_board_has_each_stage_once_and_says_how_it_is_known() -> None:
    file = read_boards()
    assert len(file["boards"]) == 7
    for board, cells in file["boards"].items():
        assert list(cells) == file["stages"], board
        assert [cell for cell in cells.values() if not KNOWN.fullmatch(cell)] == [], board


def test_the_table_is_what_the_file_says() -> None:
    assert HAS_RUN_ON.findall(page("appliance.md")) == [boards_table()], "run python -m scripts.write_errands"


@pytest.mark.parametrize("name", LINKING)
def test_a_page_that_speaks_of_boards_links_to_the_table(name: str) -> None:
    assert LINK in text(ROOT / name)


@pytest.mark.parametrize("one", [path for path in OURS if path != DOCS / "walk.md"], ids=named)
def test_no_page_says_of_a_board_what_the_file_does_not(one: str) -> None:
    assert claims(text(one)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        "The image boots on a Raspberry Pi 4.", "Tested on a Pi 5.", "No Raspberry Pi has booted it yet.", "| a Pi 400 | works |",
        "It has run on no real PC.", "The one for the Raspberry Pi has started in\nan emulator.",
    ],
)  # fmt: skip
def test_a_claim_is_found(said: str) -> None:
    assert claims(said)


@pytest.mark.parametrize(
    "said", ["`arm64` is for the Raspberry Pi 4 and 5.", "QEMU's raspi3b ran it.", "A Pi 5 has no jack."]
)
def test_what_a_board_is_for_is_no_claim(said: str) -> None:
    assert claims(said) == []
