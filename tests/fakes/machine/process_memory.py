"""Looks for bytes in the memory of another process (proc(5), /proc/PID/mem), as somebody with rights on the machine can."""

from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20


def places_of(pid: int, wanted: bytes) -> list[str]:
    """Where in that process's writable memory the bytes are: the names of the mappings. Raises OSError where it may not."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for first, last, name in _mappings(pid):
            before = b""
            for at in range(first, last, CHUNK):
                try:
                    memory.seek(at)
                    part = memory.read(min(CHUNK, last - at))
                except OSError:  # a mapping that is not backed, such as [vvar]
                    break
                found += [name] * (before + part).count(wanted)
                before = part[-len(wanted) + 1 :]
    return found


def _mappings(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *rest = line.split(maxsplit=5)
        if rights.startswith("rw"):
            first, _, last = place.partition("-")
            yield int(first, 16), int(last, 16), rest[3] if len(rest) > 3 else "anonymous"
