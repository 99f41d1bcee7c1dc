"""Draw the wiring of docs/hardware.md, and write its tables, from the same data that drivers and firmware use.

Rules: the Pi's pins are those of drivers/cabinet/gpio/wiring.toml, the Pico's those of the firmware's standard wiring; the same
program writes the same bytes.

    python scripts/draw_wiring.py            # writes docs/pictures/wiring.svg and the tables in docs/hardware.md
    python scripts/draw_wiring.py --check    # exit 1 where one of them is not what would be written
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from drivers.cabinet.firmware.wiring import STANDARD  # noqa: E402
from drivers.cabinet.gpio import pin_wiring as pi  # noqa: E402

PAPER, INK, MUTED = "#F5F3EE", "#12232B", "#46575F"
EDGE, PRIMARY, SOFT, RAIL, ON_RAIL, LAMP = "#73828A", "#0A4D68", "#DDEAF0", "#0C2A36", "#F1F6F7", "#FFC72C"
PICTURE = ROOT / "docs" / "pictures" / "wiring.svg"
PAGE = ROOT / "docs" / "hardware.md"
STEP = 25
PICO_PLACES = {
    0: 1, 1: 2, 2: 4, 3: 5, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12, 10: 14, 11: 15, 12: 16, 13: 17, 14: 19, 15: 20,
    16: 21, 17: 22, 18: 24, 19: 25, 20: 26, 21: 27, 22: 29, 26: 31, 27: 32, 28: 34,
}  # fmt: skip
"""Place on the Pico by GP number (Raspberry Pi Pico datasheet, "Pinout")."""
PICO_FIXED = {
    3: "GND",
    8: "GND",
    13: "GND",
    18: "GND",
    23: "GND",
    28: "GND",
    33: "GND",
    36: "3V3",
    38: "GND",
    40: "USB 5 V",
}


@dataclass(slots=True)
class Canvas:
    """An SVG under construction, its elements in the order in which they are drawn; lengths in px."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, w: float, h: float, fill: str, stroke: str) -> None:
        """A box with round corners."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="{fill}" stroke="{stroke}"/>'
        )

    def text(
        self, x: float, y: float, text: str, *, size: float, weight: int = 400, fill: str = INK, anchor: str = "start"
    ) -> None:
        """One line; `y` is its baseline."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{fill}" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="Inter, \'Helvetica Neue\', Arial, sans-serif" role="img">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def pi_labels() -> dict[int, str]:
    """Return the role of each pin of the Pi's header, by place."""
    return {pi.header_position(pin.bcm): f"{role}, BCM {pin.bcm}" for role, pin in pi.reference_wiring().items()}


def pi_fixed() -> dict[int, str]:
    """Places of the Pi's header that are power or ground."""
    power = dict.fromkeys(pi.VOLTS_3V3, "3V3") | dict.fromkeys(pi.VOLTS_5V, "5 V")
    return power | dict.fromkeys(pi.GROUNDS, "GND")


def pico_uses() -> dict[int, str]:
    """Return what each GP number of the Pico does in the standard wiring."""
    uses: dict[int, str] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if name == "chain":
                    uses[int(inner)] = f"registers: {key}"
                else:
                    walk(f"drop: {key}" if name == "drop" else key, inner)
        elif isinstance(value, str) and (match := re.fullmatch(r"gpio:(\d+)", value)):
            uses[int(match[1])] = name.replace("_", " ")

    for name, value in STANDARD.items():
        walk(name, value)
    return uses


def pico_labels() -> dict[int, str]:
    """Return the use of each pin of the Pico, by place."""
    return {PICO_PLACES[number]: f"{use}, GP{number}" for number, use in pico_uses().items()}


def picture() -> Canvas:
    """Both boards as they are seen from above, the USB socket of the Pico upwards."""
    c = Canvas(
        1080, 640, "Where the wires go: the header of the Raspberry Pi, and the Raspberry Pi Pico of the cabinet"
    )
    c.text(24, 40, "Raspberry Pi, 40-pin header", size=18, weight=600)
    c.text(24, 62, "place 1 is at the corner of the board", size=13, fill=MUTED)
    c.text(564, 40, "Raspberry Pi Pico in the cabinet", size=18, weight=600)
    c.text(564, 62, "USB upwards; slots on shift registers", size=13, fill=MUTED)
    c.rect(222, 80, 92, 20 * STEP + 24, SOFT, EDGE)
    for row in range(20):
        y = 104 + STEP * row
        _pin(c, 246, y, 2 * row + 1, pi_labels(), pi_fixed(), left=True)
        _pin(c, 290, y, 2 * row + 2, pi_labels(), pi_fixed(), left=False)
    c.rect(740, 80, 150, 20 * STEP + 24, SOFT, EDGE)
    for row in range(20):
        y = 104 + STEP * row
        _pin(c, 760, y, row + 1, pico_labels(), PICO_FIXED, left=True)
        _pin(c, 870, y, 40 - row, pico_labels(), PICO_FIXED, left=False)
    return c


def _pin(c: Canvas, x: float, y: float, at: int, used: dict[int, str], fixed: dict[int, str], *, left: bool) -> None:
    """One place: what is used stands out and is named, power and ground are dark, the rest is only there."""
    fill, ink = (PRIMARY, ON_RAIL) if at in used else (RAIL, ON_RAIL) if at in fixed else ("#FFFFFF", MUTED)
    stroke = LAMP if at in used else EDGE
    c.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="10" fill="{fill}" stroke="{stroke}" stroke-width="2"/>')
    c.text(x, y + 4, str(at), size=11, fill=ink, anchor="middle")
    label = used.get(at) or fixed.get(at)
    if label:
        far = x - 40 if left else x + 40
        c.text(far, y + 5, label, size=13, weight=600 if at in used else 400, fill=INK if at in used else MUTED,
               anchor="end" if left else "start")  # fmt: skip


def tables() -> dict[str, str]:
    """The tables of the page by their marks."""
    rows = ["| role | BCM | place | way | active | pull | connected |", "|---|---|---|---|---|---|---|"]
    rows += [
        f"| `{role}` | {pin.bcm} | {pi.header_position(pin.bcm)} | {pin.way} | {pin.active} | {pin.pull} | {part} |"
        for role, (pin, part) in pi.reference_parts().items()
    ]
    pico = ["| GP | place | what |", "|---|---|---|"]
    pico += [f"| {number} | {PICO_PLACES[number]} | {use} |" for number, use in sorted(pico_uses().items())]
    pico += [f"| registers | | {name}: `{STANDARD[name]}` |" for name in ("locks", "lamps", "doors", "cards")]
    return {"pi": "\n".join(rows), "pico": "\n".join(pico)}


def page(text: str) -> str:
    """The page with its tables as they have to be. Raises ValueError where a mark is missing."""
    for mark, table in tables().items():
        before, marker, rest = text.partition(f"<!-- wiring: {mark} -->\n")
        _, ended, after = rest.partition("<!-- end -->")
        if not (marker and ended):
            raise ValueError(f"{PAGE.name} has no mark {mark!r}")
        text = f"{before}{marker}{table}\n{ended}{after}"
    return text


def main(argv: list[str] | None = None) -> int:
    """Write, or check. Exit codes: 0 done; 1 something is out of date (--check)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    check = parser.parse_args(argv).check
    contents = {PICTURE: picture().svg(), PAGE: page(PAGE.read_text(encoding="utf-8"))}
    stale = [path for path, text in contents.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run scripts/draw_wiring.py", file=sys.stderr)
        else:
            path.write_text(contents[path], encoding="utf-8")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
