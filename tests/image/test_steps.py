"""Resumable steps: made once from the same inputs, made again from others, and never half made."""

from pathlib import Path

import pytest

from image.steps import Steps, digest_of, digest_of_tree


class Counted:
    """Work that counts how often it is done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "made").write_text(str(self.times))


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path, say=lambda _: None)


def test_the_same_inputs_are_made_once(steps: Steps) -> None:
    work = Counted()
    first = steps.make("root", ["a", "b"], work)
    again = steps.make("root", ["a", "b"], work)
    assert (work.times, again) == (1, first)


def test_other_inputs_are_made_again(steps: Steps) -> None:
    work = Counted()
    first = steps.make("root", ["a", "b"], work)
    other = steps.make("root", ["ab", ""], work)
    assert work.times == 2
    assert other.stamp != first.stamp
    assert (other.folder / "made").read_text() == "2"


def test_a_step_that_fails_keeps_what_was_there(steps: Steps) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    first = steps.make("root", ["a"], Counted())
    with pytest.raises(OSError, match="disk full"):
        steps.make("root", ["b"], fail)
    assert sorted(path.name for path in first.folder.iterdir()) == [".stamp", "made"]


def test_what_a_cut_left_is_not_taken_over(steps: Steps) -> None:
    (steps.root / "root.part").mkdir(parents=True)
    (steps.root / "root.part" / "half").touch()
    built = steps.make("root", ["a"], Counted())
    assert not (built.folder / "half").exists()


def test_a_digest_tells_lists_apart_that_join_to_the_same() -> None:
    assert digest_of(["ab", "c"]) != digest_of(["a", "bc"])


def test_the_digest_of_a_tree_sees_names_modes_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    digests = [digest_of_tree(tmp_path)]
    (tmp_path / "a").chmod(0o700)
    digests.append(digest_of_tree(tmp_path))
    (tmp_path / "a").write_text("2")
    digests.append(digest_of_tree(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    digests.append(digest_of_tree(tmp_path))
    assert len(set(digests)) == 4
