"""Debian packages of a root: which are asked for, and which versions came.

Rules: what was installed is recorded in `recorded/ARCH.txt` and compared at each build. A version that changed ends the build,
unless it is told to record it: nobody shall ship what nobody looked at. Only Debian's snapshot service could bring an old one.
"""

from pathlib import Path

HERE = Path(__file__).parent


class PackagesChangedError(Exception):
    """The root's packages are others than those recorded. The text has one line a package."""


def entries_for(text: str, architecture: str) -> list[str]:
    """The entries of a list, such as names of packages: `ENTRY  # why`, or `ARCH: ENTRY  # why` for one kind of machine."""
    entries = []
    for line in text.splitlines():
        only, _, entry = line.partition("#")[0].strip().rpartition(": ")
        if entry and only in ("", architecture):
            entries.append(entry)
    return entries


def compare(recorded: str, installed: str) -> list[str]:
    """Return the differences of two lists of `NAME VERSION`, one line a package, in order of name."""
    old, new = _versions(recorded), _versions(installed)
    return [
        f"{name}: recorded {old.get(name, 'not there')}, installed {new.get(name, 'not there')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def check_recorded(architecture: str, installed: str, accept: bool) -> None:
    """Compare with the recorded list, or write it if `accept`. Raises PackagesChangedError, OSError."""
    record = HERE / "recorded" / f"{architecture}.txt"
    before = record.read_text("utf-8") if record.is_file() else ""
    changed = compare(before, installed)
    if changed and not accept:
        advice = "look at them, then: make image ACCEPT=1"
        raise PackagesChangedError("\n".join([f"{len(changed)} packages of {record.name} changed; {advice}", *changed]))
    if changed:
        record.parent.mkdir(exist_ok=True)
        record.write_text(installed, "utf-8")


def _versions(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines() if line)
