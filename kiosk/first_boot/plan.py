"""Setup file (`setup.toml`): what an installer decides once, validated; a fault names file, key and reason.

`[settings]` is the content of `station.toml`, for a station that has none yet. Every section is optional. At a station's own
screen it is `setup.toml` in its folder, which an image takes from beside itself: what it says is not asked.
"""

import ipaddress
import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from kiosk.config import Config, ConfigError, Section, describe_fault
from provisioning.claim import ClaimRefused
from provisioning.est.claim_codes import Claim, ClaimCode

_BARE = re.compile(r"[A-Za-z0-9_-]+")
MOST_OFF_S = 60


class ClaimSection(Section):
    """`text` is what the QR code of the dashboard holds; or server, station and code, as the dashboard shows them. A join key's
    code may come without a station: its name is asked at the screen then."""

    text: Annotated[str, Field(repr=False)] = ""
    server: str = ""
    station: str = ""
    code: Annotated[str, Field(repr=False)] = ""

    @model_validator(mode="after")
    def _complete(self) -> "ClaimSection":
        parts = (self.server, self.code)
        if (any(parts) or self.station) and (self.text or not all(parts)):
            raise ValueError("write text alone, or server, station and code")
        try:
            _ = self.claim, self.code and ClaimCode.parse(self.code)
        except ClaimRefused as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def claim(self) -> Claim | None:
        """None where no claim is written. Raises ClaimRefused."""
        if self.text:
            return Claim.parse(self.text)
        return self.named(self.station) if self.code and self.station else None

    def named(self, station: str) -> Claim:
        """The claim of a station of that name. Raises ClaimRefused."""
        return Claim(self.server, station, ClaimCode.parse(self.code))


class WiredSection(Section):
    """The wired network. `keep`: as the machine has it. `static` needs address, as `192.0.2.10/24`. Without `interface` the only
    one that is there."""

    method: Literal["keep", "dhcp", "static"] = "keep"
    interface: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,14})?$")] = ""
    address: str = ""
    gateway: str = ""
    dns: Annotated[tuple[str, ...], Field(strict=False, max_length=4)] = ()

    @field_validator("address")
    @classmethod
    def _with_length(cls, address: str) -> str:
        if address and "/" not in address:
            raise ValueError(f"{address!r} has no length of its network: write 192.0.2.10/24")
        return str(ipaddress.ip_interface(address)) if address else ""

    @model_validator(mode="after")
    def _complete(self) -> "WiredSection":
        if (self.method == "static") is not bool(self.address):
            raise ValueError("address belongs to method 'static', which needs it")
        others = [ipaddress.ip_address(text) for text in (self.gateway, *self.dns) if text]
        if others and not self.address:
            raise ValueError("gateway and dns belong to method 'static'")
        if any(other.version != self.version for other in others):
            raise ValueError("address, gateway and dns are all of IPv4 or all of IPv6")
        return self

    @property
    def version(self) -> int:
        """Of the static address: 4 or 6."""
        return ipaddress.ip_interface(self.address).version


class DevicesSection(Section):
    """Tests of the devices. `slots`: how many the cabinet is to have. `accept_faults`: go on although a device has one; its
    errands are then not offered."""

    test_page: bool = True
    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    accept_faults: bool = False


class ClockSection(Section):
    """By how many seconds the machine's clock may differ from the server's signed time, and how long the server is waited for."""

    most_off_s: Annotated[int, Field(ge=1, le=300)] = MOST_OFF_S
    wait_s: Annotated[float, Field(ge=1, le=600)] = 60.0


class SetupPlan(Section):
    claim: ClaimSection = ClaimSection()
    network: WiredSection = WiredSection()
    devices: DevicesSection = DevicesSection()
    time: ClockSection = ClockSection()
    settings: Config | None = None


SETUP_FILE = "setup.toml"
"""Beside `station.toml`, until the station is set up."""


def load_plan(path: Path) -> SetupPlan:
    """Read and validate. Raises ConfigError with every fault found, and where others can read a claim."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            plan = SetupPlan.model_validate(tomllib.load(file))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from None
    except ValidationError as error:
        raise ConfigError(path, [describe_fault(fault) for fault in error.errors(include_url=False)]) from None
    except (ValueError, RecursionError):  # its own text may quote the claim
        raise ConfigError(path, ["is not TOML"]) from None
    if (plan.claim.text or plan.claim.code) and mode & 0o077:
        raise ConfigError(path, [f"others can read its claim (mode {mode:04o}); it must be 0600"])
    return plan


def settings_text(settings: Section) -> str:
    """The file with those settings: what the installer wrote, and nothing of the defaults.

    >>> print(settings_text(Config.model_validate({"station": {"title": "Entré A"}})), end="")
    [station]
    title = "Entré A"
    """
    content = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return "\n".join(_table((), content)) + "\n"


def _table(path: tuple[str, ...], content: dict[str, Any]) -> list[str]:
    lines = [f"{_key(name)} = {_value(value)}" for name, value in content.items() if not isinstance(value, dict)]
    if path and (lines or not content):
        lines.insert(0, f"[{'.'.join(map(_key, path))}]")
    for name, value in content.items():
        if isinstance(value, dict):
            lines += _table((*path, name), value)
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    """JSON's strings, numbers, booleans and arrays are TOML's, but for one sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
