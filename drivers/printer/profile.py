"""Printer profiles, as data: `drivers/printer/profiles/NAME.toml`, with a source for every value.

Rules: what a profile does not say, a printer is not trusted to do. Letters are the printer's own (`text = "font"`) in
one code page, or drawn here; QR and CODE128 are the printer's own commands, or drawn here.

>>> load_printer_profile("tm-t20ii").code_page
CodePage(codec='cp858', number=19)
"""

import codecs
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

Drawn = Literal["printer", "picture"]
Cut = Literal["partial", "full", "none"]
_FOLDER = Path(__file__).parent / "profiles"
DEFAULTS = {80: "raster-80", 58: "raster-58"}
"""The profile of a printer of which only the width of its paper, in mm, is known."""


class PrinterProfileError(ValueError):
    """There is no such profile, or one that says what cannot be; the text says which and what."""


@dataclass(frozen=True, slots=True)
class CodePage:
    """Python's name of the code page, and the printer's number of it (ESC t n)."""

    codec: str
    number: int


@dataclass(frozen=True, slots=True)
class PrinterProfile:
    """One model. `dots` are those that it prints across; `columns` its letters across, in its font A."""

    name: str
    title: str
    paper_mm: int
    dots: int
    columns: int
    code_page: CodePage | None
    """None: letters are drawn here and sent as pictures."""
    qr: Drawn
    code128: Drawn
    cut: Cut


def printer_profile_names() -> tuple[str, ...]:
    """The profiles that are there, by name."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def load_printer_profile(name: str) -> PrinterProfile:
    """The profile of that name. Raises PrinterProfileError."""
    if name not in printer_profile_names():
        raise PrinterProfileError(
            f"there is no printer profile {name!r}; there are {', '.join(printer_profile_names())}"
        )
    return parse_printer_profile(name, (_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse_printer_profile(name: str, text: str) -> PrinterProfile:
    """A profile from its TOML. Raises PrinterProfileError."""
    try:
        raw = tomllib.loads(text)
        profile = PrinterProfile(
            name,
            str(raw["title"]),
            int(raw["paper_mm"]),
            int(_value(raw["dots"])),
            int(_value(raw.get("columns", 0))),
            _code_page(raw),
            cast(Drawn, _one_of(raw["qr"], "printer", "picture")),
            cast(Drawn, _one_of(raw["code128"], "printer", "picture")),
            cast(Cut, _one_of(raw["cut"], "partial", "full", "none")),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, LookupError) as fault:
        raise PrinterProfileError(f"printer profile {name!r}: {fault}") from None
    if profile.dots % 8 or profile.dots < 200 or (profile.code_page and not 16 <= profile.columns <= profile.dots // 8):
        raise PrinterProfileError(f"printer profile {name!r}: dots in eights, at least 200, with 16 columns or more")
    return profile


def _code_page(raw: dict[str, Any]) -> CodePage | None:
    if _one_of(raw["text"], "font", "picture") == "picture":
        return None
    page = raw["code_page"]
    return CodePage(codecs.lookup(page["value"]).name, int(page["number"]))


def _value(item: Any) -> Any:
    """A value alone, or with its source."""
    return item["value"] if isinstance(item, dict) else item


def _one_of(item: Any, *allowed: str) -> str:
    value = str(_value(item))
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return value
