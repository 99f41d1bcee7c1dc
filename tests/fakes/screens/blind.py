"""Every story of every errand by keypad and speech alone, on the real window: what answers hears sentences, and sees nothing.

    python -m tests.fakes.screens.blind [--from FILE] [TITLE ...]

Prints a line for each story, and how many came to their end; ends with 1 where one did not. Two windows share the stories.
`--from` goes on with what was cut: FILE is what the earlier run printed, and what was right there is printed again, not
played.
"""

import argparse
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.fakes.machine.display import virtual_display
from tests.kiosk.errands.faulty import every_story

ROOT = Path(__file__).resolve().parents[3]
TALES = {story.title: story for story in every_story()}
WINDOWS = 2
"""Each waits for its pictures most of the time."""
RIGHT = re.compile(r"right +\d+ keys  (?P<title>.*?)\s*")


def play_blind(titles: Sequence[str], windows: int = 1) -> Iterator[dict[str, Any]]:
    """What came of each story, in the order in which they end; `wrong` is empty where it ended as it must."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with ExitStack() as stack:
        for at in range(windows):
            process = stack.enter_context(_window(titles[at::windows], stack.enter_context(virtual_display())))
            stack.callback(process.kill)
            threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        for line in _until_all_end(lines, windows):
            told = json.loads(line)
            tale = TALES[told["title"]]
            if not told["wrong"] and (told["outcome"], told["reason"]) != (tale.outcome, tale.reason):
                told["wrong"] = f"ended {told['outcome']} {told['reason']}"
            yield told


def _window(titles: Sequence[str], display: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fakes.screens.touching", json.dumps(titles), "[]", "--blind"]
    environment = {**os.environ, "DISPLAY": display}
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _until_all_end(lines: "queue.SimpleQueue[str | None]", windows: int) -> Iterator[str]:
    while windows:
        line = lines.get()
        if line is None:
            windows -= 1
        else:
            yield line


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="blind")
    parser.add_argument("--from", dest="earlier", type=Path, metavar="FILE")
    parser.add_argument("titles", nargs="*", metavar="TITLE")
    chosen = parser.parse_args(arguments)
    wanted = chosen.titles or list(TALES)
    earlier = _right_before(chosen.earlier, wanted) if chosen.earlier else {}
    print("".join(f"{line}\n" for line in earlier.values()), end="", flush=True)
    right = played = len(earlier)
    left = [title for title in wanted if title not in earlier]
    for told in play_blind(left, min(WINDOWS, len(left))):
        played += 1
        right += not told["wrong"]
        print(
            f"{'wrong' if told['wrong'] else 'right'}  {told['touches']:3} keys  {told['title']}  {told['wrong']}",
            flush=True,
        )
    print(f"{right} of {len(wanted)} stories by keypad and speech alone.")
    if played < len(wanted):
        print(f"{len(wanted) - played} were not played: the window ended before.")
    return 0 if right == len(wanted) else 1


def _right_before(printed: Path, wanted: Sequence[str]) -> dict[str, str]:
    """The lines of stories that an earlier run found right, by title."""
    found = ((line, RIGHT.fullmatch(line)) for line in printed.read_text(encoding="utf-8").splitlines())
    lines = {match["title"]: line for line, match in found if match}
    return {title: lines[title] for title in wanted if title in lines}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # windows and displays are ended first
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # whoever reads has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
