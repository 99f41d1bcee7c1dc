"""Traits of files: how single products lay out, select and read their files (ISO/IEC 7816-4 clauses 7 and 11).

>>> file_ways(("padded-files",)).rooms["cdf"]
1530
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sim.reader.trait import Trait, merge

_ROOMS = {"odf": 256, "aodf": 256, "cdf": 1530, "prkdf": 1530, "pukdf": 1530, "tokeninfo": 128}
"""Bytes, as pkcs15-init lays out MyEID cards (OpenSC myeid.profile)."""


@dataclass(frozen=True, slots=True)
class FileWays:
    """How a card keeps its files. The default is as its kind does."""

    rooms: Mapping[str, int] = field(default_factory=dict)
    """Least length of a file in bytes, by `odf`, `aodf`, `cdf`, `prkdf`, `pukdf`, `tokeninfo`."""
    filler: int = 0x00
    """What stands behind the content."""


FILE_TRAITS: dict[str, Trait] = {
    "padded-files": Trait(
        "has files longer than their content, filled with 00", "MyEID: OpenSC myeid.profile", {"rooms": _ROOMS}
    ),
    "padded-ff": Trait(
        "has files longer than their content, filled with FF", "CardOS, SetCOS: OpenSC cardos.profile, setcos.profile",
        {"rooms": _ROOMS, "filler": 0xFF},
    ),
}  # fmt: skip


def file_ways(traits: Iterable[str]) -> FileWays:
    """How a card with those traits keeps its files."""
    return merge(FileWays(), FILE_TRAITS, traits)
