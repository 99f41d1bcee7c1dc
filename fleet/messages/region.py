"""Region data: what a region gives its stations, signed: switch-offs, profiles, revocation, the time, and a station's settings.

It comes in pages, as orders do. A file larger than a page comes in parts; only a set whose files all fit their digests is
taken, whole. `issued` is a floor for the station's clock.
"""

from typing import Literal

import msgspec

from fleet.messages.issuing import SwitchOff

PART_BYTES = 64 * 1024
"""So much of files is in one page."""


class RegionAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="region", tag_field="ask"):
    """Give me the region's data. `cursor` from the page before; `have` is the digest of the set that is held. `settings`: and my
    settings (`fleet.messages.settings`), for who knows what they are."""

    cursor: str | None = None
    have: str | None = None
    settings: bool = False


class FilePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a file. `data` is base64, `digest` SHA-256 of the whole file (hex), `name` unique within its kind."""

    kind: Literal["profile", "profile_signature", "crl", "ocsp", "settings"]
    name: str
    digest: str
    data: str


class RegionPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One page. `set` is the digest of all of it; `unchanged` says that it is the one that is held."""

    station: str
    issued: str
    not_after: str
    set: str
    unchanged: bool = False
    switch_offs: tuple[SwitchOff, ...] = ()
    files: tuple[FilePart, ...] = ()
    next: str | None = None
