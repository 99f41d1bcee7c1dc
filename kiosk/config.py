"""`station.toml`: every setting of a station, validated, with file, key and reason for what is wrong.

Every device is optional. Paths are relative to the file. A PC without devices runs on virtual ones: `virtual` in place
of a name or kind. docs/operations.md lists all keys.

>>> load(Path("station.toml")).readers.holder                                       # doctest: +SKIP
'Virtual PCD 00 00'
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

VIRTUAL = "virtual"


class ConfigError(Exception):
    """The configuration cannot be used. One line per fault: file, key, reason."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.path = path
        self.faults = faults


class Section(BaseModel):
    """Strict and frozen: an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StationSection(Section):
    """Who and where. `identity` is the folder that enrolment wrote; without it nothing can be handed out."""

    identity: str = "identity"
    data: str = "data"
    title: Annotated[str, Field(min_length=1, max_length=60)] = "Kortkiosk"
    language: Literal["sv", "en"] = "sv"


class ReadersSection(Section):
    """PC/SC reader names as `kortkiosk card list` prints them, or `virtual`, or empty where none is fitted."""

    holder: str = ""
    administrator: str = ""


class PrinterSection(Section):
    """`network` needs host; `serial` device; `usb` vendor and product, as numbers."""

    kind: Literal["none", "virtual", "network", "serial", "usb"] = "none"
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 9100
    device: str = ""
    vendor: int = 0
    product: int = 0
    width_mm: Literal[58, 80] = 80

    @model_validator(mode="after")
    def _complete(self) -> "PrinterSection":
        needed = {"network": self.host, "serial": self.device, "usb": self.vendor and self.product}
        if self.kind in needed and not needed[self.kind]:
            wants = {"network": "host", "serial": "device", "usb": "vendor and product"}[self.kind]
            raise ValueError(f"kind {self.kind!r} needs {wants}")
        return self


class CabinetSection(Section):
    """The cabinet; `slots` is how many it has."""

    kind: Literal["none", "virtual"] = "none"
    slots: Annotated[int, Field(ge=1, le=64)] = 24


class EnvelopeSection(Section):
    """Who verifies a PUK: the fleet's verifier, or the card itself above its floor."""

    verify: Literal["server", "card"] = "server"


class TrustSection(Section):
    """A PEM file, or a folder of them, with the issuers whose cards count. Without it no card can vouch for anyone.

    `loa` is the level of assurance by certificate policy, above what the profiles say.
    """

    anchors: str = ""
    revocation: str = ""
    require_revocation: bool = False
    loa: dict[Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")], Annotated[int, Field(ge=1, le=4)]] = {}


class ProfilesSection(Section):
    """Product profiles from outside, and the public keys that may sign them."""

    folder: str = ""
    keys: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "ProfilesSection":
        if self.folder and not self.keys:
            raise ValueError("folder needs keys: only what a key signs counts")
        return self


class DisplaySection(Section):
    """The panel. `position` is the window's upper left corner in pixels, where it does not fill the screen."""

    width: Annotated[int, Field(ge=480, le=3840)] = 1280
    height: Annotated[int, Field(ge=320, le=3840)] = 800
    theme: Literal["light", "dark", "contrast"] = "light"
    fullscreen: bool = True
    position: Annotated[tuple[int, int] | None, Field(strict=False)] = None


class TimeoutsSection(Section):
    """Seconds. A warning shorter than 20 s would leave some people no time to answer (EN 301 549)."""

    idle_s: Annotated[float, Field(ge=5, le=3600)] = 60.0
    warning_s: Annotated[float, Field(ge=20, le=600)] = 30.0


class ContactSection(Section):
    """Whom to call."""

    block_line: str = "020-32 32 62"
    office: str = ""


class Config(Section):
    """The whole file."""

    station: StationSection = StationSection()
    readers: ReadersSection = ReadersSection()
    printer: PrinterSection = PrinterSection()
    cabinet: CabinetSection = CabinetSection()
    envelope: EnvelopeSection = EnvelopeSection()
    trust: TrustSection = TrustSection()
    profiles: ProfilesSection = ProfilesSection()
    display: DisplaySection = DisplaySection()
    timeouts: TimeoutsSection = TimeoutsSection()
    contact: ContactSection = ContactSection()


def load(path: Path) -> Config:
    """Read and validate. Raises ConfigError with every fault found, not only the first."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(path, ["there is no such file; name one with --config"]) from None
    except IsADirectoryError:
        raise ConfigError(path, ["is a folder; name a file"]) from None
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"is not UTF-8: byte {error.start}"]) from None
    except RecursionError:
        raise ConfigError(path, ["is not TOML: nested too deep"]) from None
    except ValueError as error:  # a number of thousands of digits is one that is no TOMLDecodeError
        raise ConfigError(path, [f"is not TOML: {error}"]) from None
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(path, [_fault(one) for one in error.errors(include_url=False)]) from None


def _fault(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such key; docs/operations.md lists them all"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}"
