"""SIGKILL right after a card fell into the bin: its block or hold was queued with that very outcome, and is told once."""

import json
import subprocess
import sys
from pathlib import Path

from sim.stories.room import quick_folder

ROOT = Path(__file__).parents[3]


def test_however_a_card_falls_in_it_is_blocked_or_held_after_a_power_cut(tmp_path: Path) -> None:
    """Real processes on virtual cards and a simulated issuer; before, the queue was empty and every card stayed active."""
    with quick_folder(tmp_path) as folder:
        command = [sys.executable, "-m", "campaigns.faults.killed_return", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = {line["story"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {story: (line["killed"], line["told"], line["state"]) for story, line in found.items()} == {
        "return with its code": (True, ["BlockAsk"], "blocked"),
        "return with its code, telling": (True, ["BlockAsk"], "blocked"),
        "return by its number": (True, ["HoldAsk"], "held"),
        "return with its code, printing": (True, ["BlockAsk"], "blocked"),
        "pick-up, the old card": (True, ["HoldAsk"], "held"),
    }
    printing = found["return with its code, printing"]
    assert printing["found"] == ["receipt.print"], "it was cut off after the end of its errand"
    assert printing["events"] == ["ended done", "receipt.print unknown"]
