"""Every story of every errand by keypad and speech alone, on the real window: what answers hears sentences, and sees nothing.

    python -m tests.fakes.screens.blind [TITLE ...]

Prints a line for each story, and how many came to their end; ends with 1 where one did not.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.machine.display import virtual_display
from tests.kiosk.errands.faulty import every_story

ROOT = Path(__file__).resolve().parents[3]
TALES = {story.title: story for story in every_story()}


def play_blind(titles: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What came of each story; `wrong` is empty where it ended as it must."""
    command = [sys.executable, "-m", "tests.fakes.screens.touching", json.dumps(titles), "[]", "--blind"]
    with virtual_display() as display:
        environment = {**os.environ, "DISPLAY": display}
        with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                tale = TALES[told["title"]]
                if not told["wrong"] and (told["outcome"], told["reason"]) != (tale.outcome, tale.reason):
                    told["wrong"] = f"ended {told['outcome']} {told['reason']}"
                yield told


def main(titles: Sequence[str]) -> int:
    right = played = 0
    wanted = list(titles or TALES)
    for told in play_blind(wanted):
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
