"""Region settings (`region.toml`): dates, numbers and information pages, which differ between regions and not between stations.

One file for all stations of a region, checked as a whole; `station.region` in station.toml names it. It adds to the general
file, which ships: a page under the same id takes the place of the general one, all others stay. The general file names no
office and no address, and no number but the card issuer's block line.
`kiosk/regions/stockholm.toml` is an example with public facts.

What only the region knows stands in a line as `{NAME}`, a key of `[contacts]`. While it is not given the line is not shown, and
`missing_contacts` names it.

>>> RegionSettings().loa2_ends is None, [page.id for page in general().pages][:2]
(True, ['order', 'codes'])
>>> general().missing_contacts
('certificates_link', 'manuals_link', 'support_link', 'support_phone')
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fleet.messages.errand_catalog import catalog
from fleet.messages.issuing import stands_for
from kiosk.opening_hours import OpeningHours

SHIPPED = Path(__file__).parent / "regions"
ICONS = Path(__file__).parent / "screens/assets/icons.txt"
"""Names and code points of the icons that the screens have."""
MOST_LINES = 5
MOST_PAGES = 14
Text = Annotated[str, Field(min_length=1, max_length=240)]
Telephone = Annotated[str, Field(max_length=20, pattern=r"^[0-9 +-]*$")]
Link = Annotated[str, Field(pattern=r"^(https://[^\s]{4,180})?$")]
Language = Literal["sv", "en"]
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


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
    office: bool = False
    """It sends on to an ID administrator: who that is, where and when stands below the lines."""
    link: Annotated[str, Field(pattern=r"^(https://[^\s{}]{4,180}|\{[a-z_]+_link\})$")] | None = None

    @field_validator("icon")
    @classmethod
    def _drawable(cls, icon: str) -> str:
        if icon not in _icons():
            raise ValueError(f"the screens have no icon {icon}; {ICONS} names those that they have")
        return icon

    @property
    def placeholders(self) -> frozenset[str]:
        """The contacts that it names."""
        texts = (text for line in self.lines for text in (line.sv, line.en))
        return frozenset(name for text in (*texts, self.link or "") for name in _PLACEHOLDER.findall(text))

    def filled(self, contacts: dict[str, str]) -> "InformationPage | None":
        """The page as it is shown; None where no line of it can be."""
        lines = tuple(filled for line in self.lines if (filled := _filled_line(line, contacts)) is not None)
        link = _filled(self.link, contacts) if self.link else None
        return self.model_copy(update={"lines": lines, "link": link}) if lines else None


def _filled_line(line: BothLanguages, contacts: dict[str, str]) -> BothLanguages | None:
    sv, en = _filled(line.sv, contacts), _filled(line.en, contacts)
    return None if sv is None or en is None else BothLanguages(sv=sv, en=en)


def _filled(text: str, contacts: dict[str, str]) -> str | None:
    """With the contacts in their places; None where one is missing."""
    if not all(contacts.get(name) for name in _PLACEHOLDER.findall(text)):
        return None
    return _PLACEHOLDER.sub(lambda match: contacts[match[1]], text)


class Contacts(RegionSection):
    """Contacts that the pages name and only the region knows."""

    support_phone: Telephone = ""
    """Who helps with the computer."""
    support_link: Link = ""
    certificates_link: Link = ""
    """Where the intermediate and the root certificate are fetched."""
    manuals_link: Link = ""


StationName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class Place(RegionSection):
    """Place of one station, or of people who help: what is offered there, and how far it is from there to others."""

    house: Annotated[str, Field(min_length=1, max_length=40)]
    floor: Annotated[str, Field(max_length=20)] = ""
    room: Annotated[str, Field(max_length=40)] = ""
    telephone: Telephone = ""
    errands: tuple[str, ...] = ()
    """Errands that can be had there; none given: all of them."""
    station: bool = True
    """Whether a station stands there; else only people are met."""
    hours: OpeningHours | None = None
    """When an ID administrator is there; not given: none is."""
    nearest: dict[StationName, Annotated[int, Field(ge=1, le=100_000)]] = {}
    """Other places, and the way there in metres."""

    @property
    def text(self) -> str:
        """As people find it."""
        return ", ".join(part for part in (self.house, self.floor, self.room) if part)


@dataclass(frozen=True, slots=True)
class NearestStation:
    """A station, or an office, that has what this one has not: where it is, and the way there in metres."""

    where: str
    metres: int
    telephone: str = ""


class StockRules(RegionSection):
    """Rules for putting cards into the cabinet."""

    two_administrators: bool = False
    """Two administrators put every card in, and any card that cannot show before any code that it is genuine is handed out only
    where two did. Else that holds for the products whose profile says so, and a second administrator is asked for once such a
    card was met here."""


class ReserveRules(RegionSection):
    """Levels of the certificates that reserve cards get here."""

    level_2: bool = True
    """Of level 2; else of level 3 alone, by two administrators."""
    reason: BothLanguages | None = None
    """Why not of level 2: holders read it."""

    @model_validator(mode="after")
    def _explained(self) -> "ReserveRules":
        if not self.level_2 and self.reason is None:
            raise ValueError("level 2 is off, and no reason is given")
        return self


class ReceiptRules(RegionSection):
    """Ways in which holders may have their receipt, beside paper and phone."""

    mail: bool = False
    """By e-mail, to the address that the server's directory has of them."""


class NewPinRules(RegionSection):
    """Rules for a new PIN, whatever the card would take."""

    min_length: Annotated[int, Field(ge=6, le=12)] = 6
    """At least so many digits, as far as the card has room for them."""


class ProductCodeRule(RegionSection):
    """Rule for who unlocks the cards on which a product code is printed. `code`: an X stands for any digit, `none` for a card
    without one; `holder` has the letter with the PUK, `administrator` attends or a new letter is ordered."""

    code: Annotated[str, Field(pattern=r"^([0-9]{1,4}X{0,3}|none)$")]
    by: Literal["holder", "administrator"]

    def fits(self, code: str) -> bool:
        """Return whether the rule's code stands for that one.

        >>> ProductCodeRule(code="6XX", by="holder").fits("601")
        True
        """
        return stands_for(self.code, code)


class ByPeople(RegionSection):
    """People who do something in the issuer's portal, and within how many hours, where the issuer's system cannot."""

    by: BothLanguages
    hours: Annotated[int, Field(ge=1, le=720)] = 24


class WithoutHold(ByPeople):
    """People who block a reported card for good. `blocks`: they make every block, since the issuer takes none by an interface
    (the server's `blocks`); else one that its holder or an administrator has proved to want is made at once."""

    blocks: bool = False


PRODUCT_CODES = (
    ProductCodeRule(code="6XX", by="holder"),
    ProductCodeRule(code="7XX", by="administrator"),
    ProductCodeRule(code="none", by="holder"),
)


Document = Literal["passport", "national_id", "driving_licence", "id_card", "service_card"]
"""Kinds of ID documents; the texts of them are `document.KIND`."""


class IdentityCheck(RegionSection):
    """One thing that the administrator checks. `compared`: what the station knows of it, shown beside it."""

    id: Annotated[str, Field(pattern=r"^[a-z_]{1,30}$")]
    text: BothLanguages
    compared: Literal["document", "name", "hsa_id", "card_number"] | None = None


class IdentityChecks(RegionSection):
    """Checks by which an administrator who attends an activation verifies the holder's identity: the documents that count, and
    the steps, in order."""

    documents: Annotated[tuple[Document, ...], Field(min_length=1)] = get_args(Document)
    steps: Annotated[tuple[IdentityCheck, ...], Field(max_length=8)] = ()

    @model_validator(mode="after")
    def _once(self) -> "IdentityChecks":
        for names in (self.documents, [step.id for step in self.steps]):
            if len(set(names)) < len(names):
                raise ValueError("a document or a step stands twice")
        return self


HandOver = Literal["pickup", "activate"]
_HAND_OVERS: Mapping[str, HandOver] = {"pickup": "pickup", "attend": "pickup", "activate": "activate"}
"""Errands that a region may not have, and the way in which they hand cards over."""


class PilotRules(RegionSection):
    """Rules of a pilot. `stores_no_person`: no name, number of a card or HSA-id is written or told to the fleet, and there are
    no receipts. `stops_at_first_fault`: see `kiosk.station.pilot`."""

    stores_no_person: bool = False
    stops_at_first_fault: bool = False


class RegionSettings(RegionSection):
    """The whole file. What is not given is not said."""

    name: str = ""
    source: str = ""
    """Where its facts were taken from, and when."""
    card_number_digits: Annotated[int, Field(ge=8, le=20)] = 16
    """How long the numbers are that are printed on cards."""
    block_line: Telephone = ""
    """The number to call where a card is lost and no office is open. A station may have another (`contact.block_line`)."""
    office: Annotated[str, Field(max_length=80)] = ""
    """Who helps, and where. A station may have another (`contact.office`)."""
    office_hours: BothLanguages | None = None
    """When somebody is there."""
    loa2_ends: date | None = None
    """The last day of level of assurance 2."""
    hand_overs: Annotated[tuple[HandOver, ...], Field(min_length=1)] = ("pickup", "activate")
    """How cards come to their holders: from a slot of a station, by post and then activated, or both."""
    errands: tuple[str, ...] = ()
    """The only errands of its stations; none named: all."""
    pilot: PilotRules = PilotRules()
    identity_checks: IdentityChecks = IdentityChecks()
    reserve: ReserveRules = ReserveRules()
    stock: StockRules = StockRules()
    pin: NewPinRules = NewPinRules()
    receipts: ReceiptRules = ReceiptRules()
    sign_with_proved_code: bool = True
    """The receipt is signed with the code that was proved a moment before, where the card's key takes that; else it is typed
    anew."""
    product_codes: Annotated[tuple[ProductCodeRule, ...], Field(min_length=1, max_length=5)] = PRODUCT_CODES
    """Asked for where neither the chip nor the register tells who may unlock the card; any other code is the administrators'."""
    without_hold: WithoutHold | None = None
    """The issuer's system has no hold: a reported card is marked, and blocked by somebody. The server's `holds` says the same."""
    letters_by_hand: ByPeople | None = None
    """Who orders code letters in the issuer's portal, and within how many hours. The server's `letters` says that people do."""
    certificates_by_hand: ByPeople | None = None
    """Who makes certificates in the issuer's portal, and within how many hours. The server's `certificates` says that they do."""
    contacts: Contacts = Contacts()
    place: dict[StationName, Place] = {}
    """Where the stations stand, by their names."""
    pages: Annotated[tuple[InformationPage, ...], Field(max_length=MOST_PAGES)] = ()

    def has_errand(self, errand: str) -> bool:
        """Return whether the region has that errand, and hands cards over in its way where it does that."""
        way = _HAND_OVERS.get(errand)
        return (way is None or way in self.hand_overs) and (not self.errands or errand in self.errands)

    @model_validator(mode="after")
    def _once(self) -> "RegionSettings":
        ids = [page.id for page in self.pages]
        if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"page {', '.join(sorted(twice))} stands twice")
        if strange := self._placeholders() - set(Contacts.model_fields):
            raise ValueError(f"{{{sorted(strange)[0]}}} is no key of contacts")
        codes = [rule.code for rule in self.product_codes]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"product code {', '.join(sorted(twice))} stands twice")
        errands = {entry.id for entry in catalog()}
        if strangers := set(self.errands) - errands:
            raise ValueError(f"errands: there is no errand {min(strangers)}")
        for name, place in self.place.items():
            if strangers := set(place.errands) - errands:
                raise ValueError(f"place.{name}.errands: there is no errand {min(strangers)}")
            if unknown := set(place.nearest) - set(self.place):
                raise ValueError(f"place.{name}.nearest: there is no place.{min(unknown)}")
        return self

    def nearest_station(self, here: str, errand: str = "") -> NearestStation | None:
        """The station nearest to that one that has this errand, or any at all; None where the region says of none."""
        for metres, there in self._ways(here):
            if there.station and (not errand or not there.errands or errand in there.errands):
                return NearestStation(there.text, metres, there.telephone)
        return None

    def attended_place(self, here: str) -> Place | None:
        """Return the place where a person at that station finds an ID administrator: there, or at the nearest place with
        hours."""
        own = (self.place[here],) if here in self.place else ()
        places = (*own, *(there for _, there in self._ways(here)))
        return next((there for there in places if there.hours is not None), None)

    def nearest_open(self, here: str, now: datetime) -> NearestStation | None:
        """The nearest other place where an ID administrator is now (local time, naive)."""
        for metres, there in self._ways(here):
            if there.hours is not None and there.hours.open_until(now) is not None:
                return NearestStation(there.text, metres, there.telephone)
        return None

    def _ways(self, here: str) -> list[tuple[int, Place]]:
        """The other places with the way there in metres, the nearest first."""
        nearest = self.place[here].nearest if here in self.place else {}
        return [
            (metres, self.place[name]) for metres, name in sorted((m, n) for n, m in nearest.items()) if name != here
        ]

    def _placeholders(self) -> set[str]:
        return {name for page in self.pages for name in page.placeholders}

    @property
    def missing_contacts(self) -> tuple[str, ...]:
        """Contacts that a page names and nobody has given."""
        return tuple(sorted(name for name in self._placeholders() if not getattr(self.contacts, name)))

    @property
    def shown_pages(self) -> Iterator[InformationPage]:
        """The pages as people read them."""
        contacts = self.contacts.model_dump()
        return (filled for page in self.pages if (filled := page.filled(contacts)) is not None)

    def added_to(self, base: "RegionSettings") -> "RegionSettings":
        """The region's settings with what only `base` gives: pages under other ids, the block line, the identity checks. Raises
        ValidationError where the pages become too many."""
        own = {page.id: page for page in self.pages}
        pages = {page.id: page for page in base.pages} | own
        whole = {
            name: getattr(base, name) for name in ("block_line", "identity_checks") if name not in self.model_fields_set
        }
        return RegionSettings.model_validate({**dict(self), **whole, "pages": tuple(pages.values())})


@cache
def _icons() -> frozenset[str]:
    rows = ICONS.read_text(encoding="ascii").splitlines()
    return frozenset(row.split()[0] for row in rows if not row.startswith("#"))


def load(path: Path) -> RegionSettings:
    """Read and validate one file, as it stands. Raises RegionSettingsError with every fault found."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegionSettingsError(path, [f"cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:
        raise RegionSettingsError(path, [f"is not TOML in UTF-8: {error}"]) from None
    try:
        return RegionSettings.model_validate(document)
    except ValidationError as error:
        raise RegionSettingsError(path, _faults(error)) from None


def _faults(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False)
    ]


@cache
def general() -> RegionSettings:
    """Return the settings that hold everywhere, and name nobody."""
    return load(SHIPPED / "general.toml")


def region_of(file: str, base: Path) -> RegionSettings:
    """The region's file added to the general one, where the station names one; paths are relative to `base`.

    Raises RegionSettingsError.
    """
    if not file:
        return general()
    path = base / file
    try:
        return load(path).added_to(general())
    except ValidationError as error:
        raise RegionSettingsError(path, _faults(error)) from None


def at_station(region: RegionSettings, *, block_line: str | None, office: str | None) -> RegionSettings:
    """The region's data with the numbers of one station, where it has its own."""
    own = {"block_line": block_line, "office": office}
    return region.model_copy(update={name: value for name, value in own.items() if value is not None})
