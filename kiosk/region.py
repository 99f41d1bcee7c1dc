"""Region settings (`region.toml`): dates, numbers and information pages, which differ between regions and not between stations.

One file for all stations of a region, checked as a whole; `station.region` in station.toml names it. Without one the general
file counts, which ships: it names no office and no address, and no number but the card issuer's block line.
`kiosk/regions/stockholm.toml` is an example with public facts.

>>> RegionSettings().loa2_ends is None, [page.id for page in general().pages][:2]
(True, ['order', 'forgotten'])
"""

import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SHIPPED = Path(__file__).parent / "regions"
MOST_LINES = 5
Text = Annotated[str, Field(min_length=1, max_length=240)]
Language = Literal["sv", "en"]


class RegionSettingsError(Exception):
    """The file cannot be used. One line per fault: file, key, reason."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.faults = faults


class RegionSection(BaseModel):
    """Frozen; an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BothLanguages(RegionSection):
    """A text in both languages of the screen."""

    sv: Text
    en: Text


class InformationPage(RegionSection):
    """One page of information: a title, at most five lines, and an address that is shown as a QR code."""

    id: Annotated[str, Field(pattern=r"^[a-z_]{1,30}$")]
    icon: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "information-outline"
    title: BothLanguages
    detail: BothLanguages | None = None
    lines: Annotated[tuple[BothLanguages, ...], Field(min_length=1, max_length=MOST_LINES)]
    steps: bool = False
    """The lines are steps, to be done in order."""
    link: Annotated[str, Field(pattern=r"^https://[^\s]{4,180}$")] | None = None


class StockRules(RegionSection):
    """How cards are put into the cabinet."""

    two_administrators: bool = False
    """Two administrators put every card in, and any card that cannot show before any code that it is genuine is handed out only
    where two did. Else that holds for the products whose profile says so, and a second administrator is asked for once such a
    card was met here."""


class NewPinRules(RegionSection):
    """What a new PIN has to be, whatever the card would take."""

    min_length: Annotated[int, Field(ge=6, le=12)] = 6
    """At least so many digits, as far as the card has room for them."""


class RegionSettings(RegionSection):
    """The whole file. What is not given is not said."""

    name: str = ""
    source: str = ""
    """Where its facts were taken from, and when."""
    card_number_digits: Annotated[int, Field(ge=8, le=20)] = 16
    """How long the numbers are that are printed on cards."""
    block_line: Annotated[str, Field(max_length=20, pattern=r"^[0-9 +-]*$")] = ""
    """The number to call where a card is lost and no office is open. A station may have another (`contact.block_line`)."""
    office: Annotated[str, Field(max_length=80)] = ""
    """Who helps, and where. A station may have another (`contact.office`)."""
    loa2_ends: date | None = None
    """The last day of level of assurance 2."""
    stock: StockRules = StockRules()
    pin: NewPinRules = NewPinRules()
    pages: Annotated[tuple[InformationPage, ...], Field(max_length=8)] = ()

    @model_validator(mode="after")
    def _once(self) -> "RegionSettings":
        ids = [page.id for page in self.pages]
        if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"page {', '.join(sorted(twice))} stands twice")
        return self


def load(path: Path) -> RegionSettings:
    """Read and validate. Raises RegionError with every fault found."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegionSettingsError(path, [f"cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:
        raise RegionSettingsError(path, [f"is not TOML in UTF-8: {error}"]) from None
    try:
        return RegionSettings.model_validate(document)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise RegionSettingsError(path, faults) from None


@cache
def general() -> RegionSettings:
    """What holds everywhere, and names nobody."""
    return load(SHIPPED / "general.toml")


def region_of(file: str, base: Path) -> RegionSettings:
    """The region's file, where the station names one; paths are relative to `base`. Raises RegionError."""
    return load(base / file) if file else general()


def at_station(region: RegionSettings, *, block_line: str | None, office: str | None) -> RegionSettings:
    """The region's data with the numbers of one station, where it has its own."""
    own = {"block_line": block_line, "office": office}
    return region.model_copy(update={name: value for name, value in own.items() if value is not None})
