"""Page of versions: which station runs which program, firmware, image and set of the region's data, and which lags behind.

Rules: newest is the highest version that any station says; the set of the region's data that most stations hold is taken for the
one that counts. A station that has said nothing is neither, and one without a board has no firmware to lag in. Firmware that the
program cannot speak to is a fault of the cabinet, and is among the alerts. The list carries its filter in the address.

>>> newest(["0.9.2", "0.10.0", "dev"])
'0.10.0'
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.messages.link import StationState
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.model import StationRow
from fleet.server.web.authorization import needs
from fleet.server.web.pagination import ROWS, Page
from fleet.server.web.roles import EVERYWHERE, Right, Scope

PARTS = ("program", "firmware", "image", "region")
"""What a station runs, in the order of the columns."""
SHOW = ("late", "all")
Word = Annotated[str, Query(max_length=40)]
_MOST_SHARES = 12


@dataclass(frozen=True, slots=True)
class Share:
    """Number of stations that run one version, of all that tell of that part."""

    name: str
    stations: int
    of: int


@dataclass(frozen=True, slots=True)
class Run:
    """Parts that one station runs (None: it says nothing of a part), and those in which it lags."""

    row: StationRow
    parts: Mapping[str, str | None]
    late: frozenset[str]


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """Filter of stations: a group of them; those behind or all; of one part, and of one version of it."""

    stations: str
    show: str
    part: str
    version: str

    @classmethod
    def of(cls, stations: str, show: str, part: str, version: str) -> "VersionFilter":
        """From an address: what does not fit is left out."""
        known_part = part if part in PARTS else ""
        return cls(
            stations.strip(), show if show in SHOW else SHOW[0], known_part, version.strip() if known_part else ""
        )

    @property
    def query(self) -> dict[str, str]:
        """For an address, without what says nothing."""
        fields = {"stations": self.stations, "part": self.part, "version": self.version}
        return {name: value for name, value in fields.items() if value} | (
            {"show": "all"} if self.show == "all" else {}
        )

    def who_runs(self, part: str, version: str) -> "VersionFilter":
        """All of the group that run it."""
        return replace(self, show="all", part=part, version=version)

    def fits(self, run: Run) -> bool:
        """Return whether the filter lets that station through. Of the region's data the beginning of the digest is enough."""
        version = run.parts.get(self.part) or ""
        if self.version and not (
            version.startswith(self.version) if self.part == "region" else version == self.version
        ):
            return False
        return self.show == "all" or (self.part in run.late if self.part else bool(run.late))


def newest(versions: Iterable[str]) -> str | None:
    return max(versions, key=_key, default=None)


def shares(names: Sequence[str]) -> list[Share]:
    return [Share(name, count, len(names)) for name, count in Counter(names).most_common(_MOST_SHARES)]


def runs_of(rows: Iterable[StationRow]) -> list[Run]:
    """Return the versions that each station runs which has said something; those that lag first, by title."""
    reporting = [(row, _parts(row.state)) for row in rows if row.state is not None]
    spread = {part: spoken(part, (parts for _, parts in reporting)) for part in PARTS}
    latest = {part: newest(names) for part, names in spread.items()}
    latest["region"] = next((share.name for share in shares(spread["region"])), None)
    runs = [Run(row, parts, _late(parts, latest)) for row, parts in reporting]
    return sorted(runs, key=lambda run: (not run.late, run.row.title.casefold(), run.row.name))


def spoken(part: str, of: Iterable[Mapping[str, str | None]]) -> list[str]:
    """Return the versions of one part that stations tell; those that tell none are left out."""
    return [version for parts in of if (version := parts[part]) is not None]


def _parts(state: StationState) -> dict[str, str | None]:
    return {
        "program": state.version,
        "firmware": state.firmware,
        "image": state.image,
        "region": state.region,
    }


def _late(parts: Mapping[str, str | None], latest: Mapping[str, str | None]) -> frozenset[str]:
    """Silence is a lag in the region's data alone: every station has them, where any does."""
    return frozenset(
        part for part, version in parts.items() if version != latest[part] and (version is not None or part == "region")
    )


def _key(version: str) -> tuple[tuple[int, ...], str]:
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else (), version


def asked(request: Request, web: Web, stations: str) -> tuple[list[StationRow], list[Run]]:
    """The stations of that group that the visitor may see, and what they run."""
    group = Scope(frozenset({stations or EVERYWHERE}))
    rows = [row for row in readings_of(request).stations(web.clock()) if group.allows(row.name)]
    return rows, runs_of(rows)


def updates_pages(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/updates", dependencies=needs(Right.VIEW))
    def show_runs(
        request: Request,
        stations: Word = "",
        show: Word = "",
        part: Word = "",
        version: Annotated[str, Query(max_length=100)] = "",
        page: Page = 1,
    ) -> Response:
        return _page(request, web, VersionFilter.of(stations, show, part, version), page)

    return router


def _page(request: Request, web: Web, filters: VersionFilter, page: int) -> Response:
    t = web.texts_for(request)
    rows, runs = asked(request, web, filters.stations)
    late, fits = sum(1 for run in runs if run.late), [run for run in runs if filters.fits(run)]
    return web.render(
        request,
        "stations/updates.html",
        (Topic.STATIONS,),
        page="updates",
        seen=web.hub.latest,
        now=web.clock(),
        title=t.many("updates.title", late) if late else t("updates.title.none"),
        filters=filters,
        parts=PARTS,
        show=SHOW,
        spread={part: shares(spoken(part, (run.parts for run in runs))) for part in PARTS},
        silent=len(rows) - len(runs),
        total=len(fits),
        runs=fits[(page - 1) * ROWS : page * ROWS],
        paging=paging(page, len(fits), "/updates", **filters.query),
    )
