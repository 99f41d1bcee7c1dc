"""Weight of the house: lines of each room and words of the documents, beside those of the last release. Told, not judged.

`python -m scripts.weight [COMMIT]` counts a commit (HEAD without one): lines of Python, kv, HTML, CSS, JavaScript and shell,
and words of `docs/`, README and changelog. The last release is the last one of `docs/releases.toml`, where there is one.
"""

import io
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

from scripts.releases import releases

ROOT = Path(__file__).parents[1]
CODE = frozenset({".py", ".kv", ".html", ".css", ".js", ".sh"})
PRODUCT = ("kiosk", "fleet", "drivers", "provisioning", "sim")
GOALS = {"product and sim": 141_000, "tests and campaigns": 104_000, "words": 60_000, "files of the largest room": 30}
"""What three people can own. A change that goes beyond needs a line of reason."""


def weigh(commit: str) -> dict[str, int]:
    """Lines by room, sums, words, and how many files the largest room of the server has. Raises CalledProcessError."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=True
    ).stdout
    lines, words, files = Counter[str](), 0, Counter[str]()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if member.isfile() else None
            if content is None or path.suffix not in (*CODE, ".md"):
                continue
            if path.suffix == ".md":
                if path.parts[0] in ("docs", "README.md", "CHANGELOG.md"):
                    words += len(content.read().split())
                continue
            lines[_room(path)] += content.read().count(b"\n")
            if path.parts[:2] == ("fleet", "server") and len(path.parts) > 3:
                files[path.parts[2]] += 1
    sums = {"product and sim": sum(count for room, count in lines.items() if room.partition("/")[0] in PRODUCT)}
    sums["tests and campaigns"] = lines["tests"] + lines["campaigns"]
    return {**dict(sorted(lines.items())), **sums, "words": words, "files of the largest room": max(files.values())}


def _room(path: PurePosixPath) -> str:
    """The top folder; of the product, the folder in it."""
    depth = 2 if path.parts[0] in PRODUCT and len(path.parts) > 2 else 1
    return "/".join(path.parts[: min(depth, len(path.parts) - 1)]) or "."


def main() -> None:
    commit = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
    last, now = next(reversed(releases()), None), weigh(commit)
    before = weigh(last.commit) if last else {}
    print(f"{'':28}{commit[:12]:>12}{last.version if last else '':>12}{'goal':>12}")
    for name in [*sorted({*now, *before} - {*GOALS}), *GOALS]:
        print(f"{name:28}{now.get(name, 0):12,}{before.get(name, ''):>12}{GOALS.get(name, ''):>12}")


if __name__ == "__main__":
    main()
