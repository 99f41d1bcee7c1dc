"""The worked example of docs/add-an-errand.md touches one new folder and nothing else, and is a whole errand there.

The example is put into a copy of the repository; what is run there are the tests that go by the folders of the errands.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim.stories.patience import LIMIT_S
from tests.docs.pages import DOCS, FENCE, ROOT, page

FOLDER = "kiosk/errands/expires/"
EXAMPLE = DOCS / "examples/expires"
"""The files that the page links."""
FILES = {info.split()[-1]: body for info, body in FENCE.findall(page("add-an-errand.md")) if FOLDER in info}
FILES |= {
    f"{FOLDER}{path.relative_to(EXAMPLE)}": path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.is_file()
}
NOT_COPIED = ("docs/gallery/", "docs/pictures/", "campaigns/fuzz/seeds/")
BY_FOLDER = (
    "tests/kiosk/errands/test_registry.py",
    "tests/kiosk/errands/test_errands.py",
    "tests/kiosk/errands/test_walk_files.py",
    "tests/kiosk/test_texts.py",
    "tests/kiosk/test_trying.py",
    "tests/docs/test_walk.py",
    "tests/docs/test_docs.py",
    "tests/fleet/messages/test_errand_catalog.py",
    "tests/fleet/server/app/test_texts.py",
    "tests/e2e/test_touched.py",
)
"""Tests of which each errand is a case: those of this one are run."""
OF_ALL = (
    "test_families_are_all_named_here",
    "test_every_key_that_is_used_exists_in_every_language",
    "test_arguments_fit_the_sentence",
    "test_no_sentence_lies_unused",
    "test_every_errand_of_the_home_screen_can_be_tried",
    "test_the_tables_of_errands_are_those_of_their_folders",
    "test_no_row_is_of_a_question_that_is_gone",
    "test_every_end_of_an_errand_is_told",
    "test_no_two_errands_have_one_place",
    "test_every_effect_and_errand_of_a_station_has_a_word",
    "test_every_errand_is_touched",
)
"""Tests of all errands at once, in the same files."""
RUN_LIMIT_S = 280
"""Some 15 seconds on a machine that has nothing else to do."""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


def in_copy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of Python, run in the copy: its packages come before the installed ones."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it stands, committed, with the example's files in it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and not name.startswith(NOT_COPIED) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "As it is")
    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body, encoding="utf-8")
    return folder


def test_it_touches_one_new_folder_and_nothing_else(copy: Path) -> None:
    assert git(copy, "status", "--porcelain") == f"?? {FOLDER}\n"
    assert {Path(name).name for name in FILES} >= {"errand.toml", "journey.py", "views.py", "stories.py", "samples.py"}


def test_every_test_that_goes_by_the_folders_takes_it(copy: Path) -> None:
    chosen = f"({' or '.join(('expires', *OF_ALL))}) and not by_touch"  # a window for the others' stories too: minutes
    done = in_copy(copy, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", chosen, *BY_FOLDER)
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 15 + len(OF_ALL), done.stdout[-500:]


@pytest.mark.parametrize("command", [("ruff", "format", "--check"), ("ruff", "check")], ids=" ".join)
def test_the_page_keeps_the_rules_of_the_code(copy: Path, command: tuple[str, ...]) -> None:
    done = in_copy(copy, *command, FOLDER)
    assert done.returncode == 0, done.stdout
