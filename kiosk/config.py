"""Station configuration (`station.toml`): every setting, validated; a fault names file, key and reason.

Every device is optional. Paths are relative to the file. A PC without devices runs on virtual ones: `virtual` in place
of a name or kind. docs/operations-reference.md lists all keys.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from drivers.cabinet.gpio.pin_wiring import OUTPUTS, ROLES, GpioPin, Role, Wiring, reference_wiring, validate_wiring
from drivers.cabinet.usb_ids import PICO, UsbSerialId
from drivers.keypad.grabbed_keypad import KEYS, Key, UsbId
from drivers.printer import profile as profiles
from drivers.printer.profile import PrinterProfile
from drivers.speech.port import STEPS as SPEECH_STEPS
from fleet.messages.commands import TOUCHES_CARDS
from fleet.messages.vocabulary import CommandName

VIRTUAL = "virtual"
AUTO = "auto"
"""A reader that is found by its role: the only one, or as it was told on the screen."""
SERIAL = ("02", "0a", "ff")
"""Classes of USB interfaces of a serial device: communications, its data, and vendor-specific."""
HourOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


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
    """Identity and texts of the station. `identity` is the folder that enrolment wrote; without it nothing can be handed out.

    `region` is a region.toml; without one the texts that ship count. `assistant`: without an identity the station begins with the
    setup assistant on its screen, which adds to this file what it does not say.
    """

    identity: str = "identity"
    data: str = "data"
    title: Annotated[str, Field(min_length=1, max_length=60)] = "Kortkiosk"
    language: Literal["sv", "en"] = "sv"
    languages: str = ""
    region: str = ""
    assistant: bool = False


class ReadersSection(Section):
    """PC/SC reader names as `kortkiosk card list` prints them, or with `*` and `?` in them; `auto`, `virtual`, or empty where
    none is fitted. `card_s`: seconds of one piece of work with a card."""

    holder: str = ""
    administrator: str = ""
    card_s: Annotated[float, Field(ge=30, le=600)] = 120.0


class PrinterSection(Section):
    """`network` needs host; `serial` device; `usb` vendor and product, as numbers. `profile`: what the model can do."""

    kind: Literal["none", "virtual", "network", "serial", "usb"] = "none"
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 9100
    device: str = ""
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 38400
    vendor: int = 0
    product: int = 0
    width_mm: Literal[58, 80] = 80
    profile: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "PrinterSection":
        needed = {"network": self.host, "serial": self.device, "usb": self.vendor and self.product}
        if self.kind in needed and not needed[self.kind]:
            wants = {"network": "host", "serial": "device", "usb": "vendor and product"}[self.kind]
            raise ValueError(f"kind {self.kind!r} needs {wants}")
        if self.profile and self.model.paper_mm != self.width_mm:
            raise ValueError(f"profile {self.profile!r} is for paper of {self.model.paper_mm} mm")
        return self

    @property
    def model(self) -> PrinterProfile:
        """The profile of the printer, by the width of its paper where none is named. Raises ProfileError."""
        return profiles.load_printer_profile(self.profile or profiles.DEFAULTS[self.width_mm])


class CabinetSection(Section):
    """`serial` needs key, the file that pairing wrote; without port the one board that is connected of those that `usb` lists.
    `slots` is of a virtual one: a real one tells."""

    kind: Literal["none", "virtual", "serial"] = "none"
    slots: Annotated[int, Field(ge=1, le=64)] = 24
    port: str = ""
    key: str = ""
    usb: Annotated[tuple[str, ...], Field(strict=False, min_length=1, max_length=8)] = (str(PICO),)

    @field_validator("usb")
    @classmethod
    def _parsed(cls, usb: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(UsbSerialId.parse(text)) for text in usb)

    @property
    def board_ids(self) -> tuple[UsbSerialId, ...]:
        """USB devices that may be the board."""
        return tuple(UsbSerialId.parse(text) for text in self.usb)

    @model_validator(mode="after")
    def _complete(self) -> "CabinetSection":
        if self.kind == "serial" and not self.key:
            raise ValueError("kind 'serial' needs key")
        if self.kind != "serial" and (self.port or self.key):
            raise ValueError(f"port and key belong to kind 'serial', not {self.kind!r}")
        return self


class PinSection(Section):
    """One pin of the Pi by its BCM number. `active` is the level that means lit, open, plugged in, present."""

    bcm: int
    active: Literal["high", "low"] = "high"
    pull: Literal["up", "down", "none"] = "none"


class PinsSection(Section):
    """The Pi's own pins: those of docs/hardware.md for all that is `fitted`, unless a role names another. `dim` is how bright
    the panel is, of 1, `dim_after_s` after the last sign of a person."""

    kind: Literal["none", "virtual", "pi"] = "none"
    fitted: Annotated[tuple[Role, ...], Field(strict=False)] = ROLES
    lamp: PinSection | None = None
    backlight: PinSection | None = None
    door: PinSection | None = None
    headphones: PinSection | None = None
    presence: PinSection | None = None
    dim: Annotated[float, Field(ge=0.05, le=1)] = 0.2
    dim_after_s: Annotated[float, Field(ge=10, le=86400)] = 120.0

    @model_validator(mode="after")
    def _sound(self) -> "PinsSection":
        self.wiring()
        return self

    def wiring(self) -> Wiring:
        """Pins by role. Raises WiringError."""
        shipped = reference_wiring()
        return validate_wiring({role: self._pin(role) or shipped[role] for role in self.fitted})

    def _pin(self, role: Role) -> GpioPin | None:
        named: PinSection | None = getattr(self, role)
        return GpioPin(named.bcm, "out" if role in OUTPUTS else "in", named.active, named.pull) if named else None


class ScannerSection(Section):
    """`window`: what types fast is a scan. `input`: grabbed; needs name, vendor or product of the input device. `card_check`
    is how the printed card numbers are checked."""

    kind: Literal["none", "virtual", "window", "input"] = "none"
    name: str = ""
    vendor: int = 0
    product: int = 0
    card_check: Literal["none", "luhn"] = "none"

    @model_validator(mode="after")
    def _complete(self) -> "ScannerSection":
        if self.kind == "input" and not (self.name or self.vendor or self.product):
            raise ValueError("kind 'input' needs name, vendor or product")
        return self


class KeypadSection(Section):
    """Keypads on USB that may type codes, each as `vvvv:pppp`. Without one codes are typed by touch, or at a reader's own pad.
    `keys`: what keys do that have no usual meaning, by their codes in Linux."""

    allowed: Annotated[tuple[str, ...], Field(strict=False, max_length=4)] = ()
    keys: Annotated[dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")], Key], Field(max_length=64)] = {}

    @model_validator(mode="after")
    def _parsed(self) -> "KeypadSection":
        if len(set(self.ids)) != len(self.allowed):
            raise ValueError("a keypad is listed twice")
        return self

    @property
    def ids(self) -> tuple[UsbId, ...]:
        """Vendor and product of each. Raises ValueError."""
        return tuple(UsbId.parse(text) for text in self.allowed)

    @property
    def key_map(self) -> dict[int, Key]:
        """Meaning of each key, by its code in Linux."""
        return {**KEYS, **{int(code): key for code, key in self.keys.items()}}


SpeechStep = Annotated[int, Field(ge=1, le=SPEECH_STEPS)]


class SpeechSection(Section):
    """Speech to headphones or a loudspeaker, and tones for what happens. `device` is ALSA's, such as `plughw:CARD=Device`;
    empty: a card on USB, else a jack, else HDMI. `rate` and `volume` have the steps 1 to 5."""

    kind: Literal["none", "espeak-ng"] = "none"
    tones: bool = False
    device: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9:,=._-]*$")] = ""
    rate: SpeechStep = 3
    volume: SpeechStep = 3


class EnvelopeSection(Section):
    """Verifier of a PUK: the fleet's verifier, or the card itself above its floor."""

    verify: Literal["server", "card"] = "server"


class ReceiptsSection(Section):
    """`public_url`: where a phone opens what a receipt's QR code says: the fleet server's page of receipts (`/r/`). Empty: the QR
    code is the statement alone."""

    public_url: Annotated[
        str, Field(max_length=120, pattern=r"^((https://|http://(127\.0\.0\.1|localhost)[:/])[^\s#?]+)?$")
    ] = ""


class TrustSection(Section):
    """A PEM file, or a folder of them, with the issuers whose cards count. Without it no card can vouch for anyone.

    `revocation`: where the lists of revoked certificates lie; empty: `revocation` in the station's data. `lists_h`: for so many
    hours the lists that the server signed stand in for the register at level 3, while nobody can be asked. `loa` is the level of
    assurance by certificate policy, above what the profiles say.
    """

    anchors: str = ""
    revocation: str = ""
    require_revocation: bool = True
    lists_h: Annotated[float, Field(ge=0, le=24)] = 4.0
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
    """The panel, as one who stands before it sees it. `rotation`: degrees that picture and touches are turned, clockwise.
    `position` is the window's upper left corner in pixels, where it does not fill the screen."""

    width: Annotated[int, Field(ge=480, le=3840)] = 1280
    height: Annotated[int, Field(ge=320, le=3840)] = 800
    theme: Literal["light", "dark", "contrast"] = "light"
    fullscreen: bool = True
    position: Annotated[tuple[int, int] | None, Field(strict=False)] = None
    rotation: Literal[0, 90, 180, 270] = 0


AxisRange = Annotated[tuple[int, int] | None, Field(strict=False)]


class TouchSection(Section):
    """The touch panel where no desktop reads it. `device`: `vvvv:pppp` or a path, where there are two. The rest is how its
    coordinates lie on the picture: inverted and within a range (in the panel's own units), then turned clockwise."""

    device: str = ""
    rotation: Literal[0, 90, 180, 270] = 0
    invert_x: bool = False
    invert_y: bool = False
    range_x: AxisRange = None
    range_y: AxisRange = None

    @field_validator("device")
    @classmethod
    def _named(cls, device: str) -> str:
        if device and not re.fullmatch(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}|/dev/[^,]+", device):
            raise ValueError(f"{device!r} names no device: write vvvv:pppp, as lsusb prints it, or a path below /dev")
        return device

    @field_validator("range_x", "range_y")
    @classmethod
    def _ascending(cls, limits: tuple[int, int] | None) -> tuple[int, int] | None:
        if limits is not None and limits[0] >= limits[1]:
            raise ValueError("the first of the two is the lower: [0, 4095]")
        return limits


class TimeoutsSection(Section):
    """Seconds. A warning shorter than 20 s would leave some people no time to answer (EN 301 549)."""

    idle_s: Annotated[float, Field(ge=5, le=3600)] = 60.0
    warning_s: Annotated[float, Field(ge=20, le=600)] = 30.0
    total_s: Annotated[float, Field(ge=120, le=7200)] = 900.0


HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$")]
"""A name, or an address of IPv4 or IPv6."""


class NetworkSection(Section):
    """An image's machine calls what is named here, beside the fleet server and the printer. `servers`: `host:port` over TCP;
    `time`: servers of NTP. `proxy`: `host:port` of the HTTP proxy through which the fleet server is reached."""

    servers: Annotated[tuple[str, ...], Field(strict=False, max_length=16)] = ()
    time: Annotated[tuple[HostName, ...], Field(strict=False, max_length=8)] = ()
    proxy: str = ""

    @model_validator(mode="after")
    def _parsed(self) -> "NetworkSection":
        _ = self.addresses, self.proxy_server
        return self

    @property
    def proxy_server(self) -> tuple[str, int] | None:
        """Host and port; None where there is none. Raises ValueError."""
        return _host_and_port(self.proxy) if self.proxy else None

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each server. Raises ValueError."""
        return tuple(_host_and_port(text) for text in self.servers)


def _host_and_port(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"{text!r} is no host and port: write host:port, and an address of IPv6 in brackets")
    return match[1] or match[2], int(match[3])


class UsbSection(Section):
    """Devices on USB that an image's machine binds beside readers, printers, touch panels and those that other settings
    name: each as `vvvv:pppp`, a serial adapter, or as `vvvv:pppp/CC,CC` with the classes that its interfaces have."""

    allowed: Annotated[tuple[str, ...], Field(strict=False, max_length=16)] = ()

    @model_validator(mode="after")
    def _parsed(self) -> "UsbSection":
        _ = self.classes
        return self

    @property
    def classes(self) -> tuple[tuple[UsbId, tuple[str, ...]], ...]:
        """Vendor and product of each, and the classes of its interfaces as two hex digits. Raises ValueError."""
        return tuple(_usb_classes(*text.partition("/")) for text in self.allowed)


def _usb_classes(usb_id: str, slash: str, classes: str) -> tuple[UsbId, tuple[str, ...]]:
    named = tuple(classes.lower().split(",")) if slash else SERIAL
    if not all(re.fullmatch(r"[0-9a-f]{2}", digits) for digits in named):
        raise ValueError(
            f"{classes!r} are no classes of USB: write vvvv:pppp/CC,CC, two hex digits each, as lsusb -v prints"
        )
    return UsbId.parse(usb_id), named


class CommandsSection(Section):
    """Commands that the fleet may give this station; a shorter list narrows it, an empty one refuses all.

    A station cannot tell whether two persons stand behind a command: what touches cards is allowed where its file says so.
    """

    allowed: Annotated[tuple[Annotated[CommandName, Field(strict=False)], ...], Field(strict=False)] = tuple(
        name for name in CommandName if name not in TOUCHES_CARDS
    )


class UpdatesSection(Section):
    """From when until when, local time, the image may be updated where the order does not say now; over midnight too."""

    hours: Annotated[tuple[HourOfDay, HourOfDay], Field(strict=False)] = ("01:00", "05:00")


class ContactSection(Section):
    """Contacts of this station, where they are not those of the region's file."""

    block_line: str | None = None
    office: str | None = None


class Config(Section):
    station: StationSection = StationSection()
    readers: ReadersSection = ReadersSection()
    printer: PrinterSection = PrinterSection()
    cabinet: CabinetSection = CabinetSection()
    pins: PinsSection = PinsSection()
    scanner: ScannerSection = ScannerSection()
    keypad: KeypadSection = KeypadSection()
    speech: SpeechSection = SpeechSection()
    envelope: EnvelopeSection = EnvelopeSection()
    receipts: ReceiptsSection = ReceiptsSection()
    trust: TrustSection = TrustSection()
    profiles: ProfilesSection = ProfilesSection()
    display: DisplaySection = DisplaySection()
    touch: TouchSection = TouchSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    contact: ContactSection = ContactSection()
    commands: CommandsSection = CommandsSection()
    network: NetworkSection = NetworkSection()
    usb: UsbSection = UsbSection()
    updates: UpdatesSection = UpdatesSection()

    @property
    def revocation_folder(self) -> str:
        """Folder of the lists of revoked certificates, relative to the file."""
        return self.trust.revocation or f"{self.station.data}/revocation"

    @property
    def virtual(self) -> tuple[str, ...]:
        """The settings that name a virtual device, as `printer.kind`."""
        settings = {
            "readers.holder": self.readers.holder,
            "readers.administrator": self.readers.administrator,
            "printer.kind": self.printer.kind,
            "cabinet.kind": self.cabinet.kind,
            "pins.kind": self.pins.kind,
            "scanner.kind": self.scanner.kind,
        }
        return tuple(name for name, value in settings.items() if value == VIRTUAL)

    @property
    def is_bench(self) -> bool:
        """True where every reader is virtual, so that no real card's code is ever typed here.

        On a bench the keys of the window type, and the window may be closed; nowhere else.
        """
        return {self.readers.holder, self.readers.administrator} - {""} == {VIRTUAL}

    @model_validator(mode="after")
    def _no_window_keys(self) -> "Config":
        if self.scanner.kind == "window" and not self.is_bench:
            raise ValueError(
                "scanner.kind: 'window' would take codes from any keyboard that is plugged in, and is for a bench with virtual"
                " readers alone: use 'input' with vendor and product"
            )
        return self


def load(path: Path) -> Config:
    """Read and validate. Raises ConfigError with every fault found, not only the first."""
    return validated(path, read_document(path))


def read_document(path: Path) -> dict[str, Any]:
    """Read the TOML file, whatever it says. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
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


def validated(path: Path, document: Mapping[str, Any]) -> Config:
    """Return the configuration that the document of that file says. Raises ConfigError with every fault."""
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(path, [describe_fault(fault) for fault in error.errors(include_url=False)]) from None


def describe_fault(error: ErrorDetails) -> str:
    """Key and reason of one fault that pydantic found."""
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such key; docs/operations-reference.md lists them all"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}"
