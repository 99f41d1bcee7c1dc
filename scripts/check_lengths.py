"""Keep files short enough to read in one go.

A Python or kv file of more than 300 lines fails the check unless one of its first 40 lines is a comment
`# length: REASON`. Files are those that git knows or would add.

    $ python scripts/check_lengths.py
    kiosk/screens/keypad.py: 342 lines; split it, or say why not in a line "# length: REASON" near its top
"""

import re
import subprocess
import sys
from pathlib import Path

LIMIT_LINES = 300
TOP_LINES = 40
SUFFIXES = {".py", ".kv"}
REASON = re.compile(r"#+\s*length:\s*\S")


def complaint(name: str, text: str) -> str | None:
    """What is wrong with one file's length, or None."""
    lines = text.splitlines()
    if len(lines) <= LIMIT_LINES or any(REASON.match(line) for line in lines[:TOP_LINES]):
        return None
    return f'{name}: {len(lines)} lines; split it, or say why not in a line "# length: REASON" near its top'


def source_files(root: Path) -> list[Path]:
    """Python and kv files of the work tree, without those that git ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (root / name for name in sorted(set(listing.stdout.split("\0")) - {""}))
    return [path for path in paths if path.suffix in SUFFIXES and path.is_file()]


def main(root: Path) -> int:
    """Print a line for each file that is too long; 1 if there was one."""
    files = source_files(root)
    found = [complaint(str(path.relative_to(root)), path.read_text(encoding="utf-8")) for path in files]
    complaints = [line for line in found if line]
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
