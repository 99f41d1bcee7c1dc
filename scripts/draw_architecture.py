"""Draw the pictures of docs/architecture.md: the parts, and the pick-up as data flows.

Rules: the same program draws the same bytes; colours are those of the design; every text stays inside its box (its width
is estimated and checked); a picture says nothing that the text beside it does not.

    python scripts/draw_architecture.py            # writes docs/pictures/*.svg
    python scripts/draw_architecture.py --check    # exit 1 where a picture is not what would be drawn
"""

import argparse
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"

PAPER, SURFACE, INK, MUTED = "#F5F3EE", "#FFFFFF", "#12232B", "#46575F"
EDGE, PRIMARY, SOFT, RAIL, ON_RAIL, LAMP = "#73828A", "#0A4D68", "#DDEAF0", "#0C2A36", "#F1F6F7", "#FFC72C"
GLYPH = 0.54
"""Mean width of a letter of Inter, as a share of its size; a little too much, so that what fits here fits."""


class TooWideError(ValueError):
    """A text that does not fit its box."""


@dataclass(slots=True)
class Canvas:
    """An SVG under construction; lengths in px."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, w: float, h: float, fill: str, stroke: str = "none", *, dash: str = "") -> None:
        """A box with round corners."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="{fill}" stroke="{stroke}"{dashes}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 14,
        weight: int = 400,
        fill: str = INK,
        anchor: str = "start",
    ) -> None:
        """One line; `y` is its baseline."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{fill}" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, w: float, title: str, *lines: str, fill: str = SURFACE, h: float = 0) -> None:
        """A titled box, as high as its lines need unless `h` is given. Raises TooWideError."""
        for text, size in ((title, 15.0), *((line, 13.0) for line in lines)):
            if width_of(text, size) > w - 20:
                raise TooWideError(f"{text!r} does not fit {w} px")
        dark = fill == RAIL
        self.rect(x, y, w, h or box_height(len(lines)), fill, RAIL if dark else EDGE)
        self.text(x + 12, y + 24, title, size=15, weight=600, fill=ON_RAIL if dark else INK)
        for number, line in enumerate(lines):
            self.text(x + 12, y + 45 + 18 * number, line, size=13, fill=ON_RAIL if dark else MUTED)

    def arrow(self, *points: tuple[float, float], both: bool = False, dashed: bool = False) -> None:
        """A line through the points with a head at its end, or at both."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        start = ' marker-start="url(#back)"' if both else ""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{PRIMARY}" stroke-width="1.6"{dash}{start} '
            'marker-end="url(#head)"/>'
        )

    def svg(self) -> str:
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="{ref}" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="{path}" fill="{PRIMARY}"/></marker>'
            for name, ref, path in (("head", 9, "M0 0 10 5 0 10z"), ("back", 1, "M10 0 0 5 10 10z"))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="Inter, \'Helvetica Neue\', Arial, sans-serif" role="img">\n'
            f"<title>{escape(self.title)}</title>\n<defs>{heads}</defs>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def width_of(text: str, size: float) -> float:
    """About how wide a text is, in px."""
    return len(text) * size * GLYPH


def box_height(lines: int) -> float:
    """How high a box with so many lines under its title is."""
    return 38 + 18 * lines + (2 if lines else 0)


def parts() -> Canvas:
    """What runs where, and what passes between."""
    c = Canvas(1080, 690, "The parts of kortkiosk: station, devices, fleet server, provisioning")
    _station(c)
    _server(c)
    _outside(c)
    c.arrow((472, 400), (608, 400), both=True)
    for line, (text, weight) in enumerate((("MQTT 5", 600), ("over TLS, both", 400), ("ends certified", 400))):
        c.text(540, 352 + 17 * line, text, size=12, weight=weight, fill=PRIMARY, anchor="middle")
    return c


def _station(c: Canvas) -> None:
    c.rect(24, 24, 464, 430, SOFT)
    c.text(40, 52, "Station", size=18, weight=600)
    c.text(112, 52, "one process; kiosk.station.build joins the parts", size=13, fill=MUTED)
    c.box(40, 68, 432, "screens", "Kivy draws a view and gives back its answer")
    c.box(40, 154, 204, "supervisor", "asks; races time-out,", "pulled card, device")
    c.box(268, 154, 204, "journeys", "an errand is one async", "def; it names no bus")
    c.box(40, 258, 204, "drivers", "reader, printer, cabinet:", "narrow ports, the real", "devices behind them,", h=180)
    for line, text in enumerate(("virtual twins of them", "lie in a second wheel")):
        c.text(52, 357 + 18 * line, text, size=13, fill=MUTED)
    c.box(268, 258, 204, "journal and outbox", "one SQLite file, WAL,", "synchronous=FULL")
    c.box(268, 362, 204, "link", "drains the outbox,", "asks, syncs orders")
    c.arrow((142, 154), (142, 126), both=True)
    c.arrow((244, 182), (268, 182), both=True)
    c.arrow((370, 230), (370, 258))
    c.arrow((370, 334), (370, 362))
    c.arrow((268, 214), (256, 214), (256, 290), (244, 290), both=True)


def _server(c: Canvas) -> None:
    c.rect(592, 24, 464, 430, SOFT)
    c.text(608, 52, "Fleet server", size=18, weight=600)
    c.text(724, 52, "one process and two children", size=13, fill=MUTED)
    c.box(608, 68, 432, "pages and API", "on a loopback address; pages update by themselves")
    c.box(608, 154, 196, "verifier", "alone holds the keys", "of the code letters", fill=RAIL)
    c.box(
        608, 258, 196, "broker", "Debian's mosquitto;", "a station reaches only", "below its own name", fill=RAIL, h=180
    )
    c.box(844, 154, 196, "answers", "signed lists, orders,", "checks of envelopes")
    c.box(844, 258, 196, "store", "SQLite: exact bytes,", "and what pages read")
    c.box(844, 362, 196, "ingest", "each event once;", "acked after its commit")
    c.arrow((804, 182), (844, 182), both=True)
    c.arrow((844, 214), (824, 214), (824, 290), (804, 290), both=True)
    c.arrow((804, 400), (844, 400), both=True)
    c.arrow((942, 362), (942, 334))
    c.arrow((942, 258), (942, 230))
    c.arrow((1040, 296), (1050, 296), (1050, 97), (1040, 97))


def _outside(c: Canvas) -> None:
    c.rect(24, 500, 700, 140, SURFACE, EDGE)
    c.text(40, 528, "Devices", size=18, weight=600)
    c.text(118, 528, "each is optional; real and virtual ones may be mixed", size=13, fill=MUTED)
    c.box(40, 544, 214, "card readers", "PC/SC, or in the process;", "virtual cards in both", fill=PAPER)
    c.box(270, 544, 214, "receipt printer", "ESC/POS: network, USB,", "serial; or virtual, to PNG", fill=PAPER)
    c.box(500, 544, 208, "cabinet", "slots, flap and bin;", "virtual only, so far", fill=PAPER)
    c.box(748, 500, 308, "authority", "CA, keys of server and verifier,", "claim codes, revocations; made by", h=140)
    c.text(760, 581, "kortkiosk-provision", size=13, fill=MUTED)
    c.arrow((142, 438), (142, 500), both=True)
    c.arrow((900, 500), (900, 454), dashed=True)
    c.text(910, 482, "keys and certificates", size=12, fill=PRIMARY)
    c.arrow((748, 528), (736, 528), (736, 477), (370, 477), (370, 438), dashed=True)
    c.text(384, 470, "identity", size=12, fill=PRIMARY)
    c.text(
        24, 672, "Solid: while running. Dashed: once, at enrolment. Dark: a process of its own.", size=13, fill=MUTED
    )


LANES = ("Holder and screen", "Journey", "Journal, outbox", "Card and devices", "Fleet server")
X = (110, 325, 540, 755, 970)
STEP = 38


@dataclass(frozen=True, slots=True)
class Flow:
    """One arrow from lane to lane. `both`: an answer comes back."""

    start: int
    end: int
    text: str
    both: bool = False


BANDS: tuple[tuple[str, tuple[Flow, ...]], ...] = (
    ("1  Who", (
        Flow(1, 0, "ask: old card, its PIN", both=True),
        Flow(1, 3, "read certificates, judge the chain, VERIFY", both=True),
    )),
    ("2  Order", (
        Flow(1, 4, "order.find by HSA-id; the answer is a signed list (offline: the one synced)", both=True),
        Flow(1, 0, "ask: terms, envelope", both=True),
    )),
    ("3  Card", (
        Flow(1, 2, "intent slot.open"),
        Flow(1, 3, "open the slot: Opened", both=True),
        Flow(1, 2, "outcome and event"),
        Flow(3, 1, "card taken, door closed; its number is the order's"),
    )),
    ("4  Code", (
        Flow(0, 1, "PUK, as a Secret"),
        Flow(1, 4, "envelope.verify, PUK sealed to the verifier: match", both=True),
        Flow(0, 1, "new PIN, twice"),
        Flow(1, 2, "intent card.unblock"),
        Flow(1, 3, "same card? tries above the floor? then one command", both=True),
        Flow(1, 2, "outcome and event"),
        Flow(1, 3, "VERIFY, sign a random challenge, check it", both=True),
    )),
    ("5  Receipt", (
        Flow(1, 3, "the card signs the receipt; the station signs", both=True),
        Flow(1, 2, "receipt and event"),
        Flow(1, 3, "print; open the drop for the old card", both=True),
        Flow(1, 2, "errand.ended"),
        Flow(1, 0, "done"),
    )),
    ("By itself", (
        Flow(2, 4, "events, oldest first, in their chain"),
        Flow(4, 2, "acked, after the server's commit: they are held"),
    )),
)  # fmt: skip


def pickup() -> Canvas:
    """The pick-up by the holder's own card, from top to bottom."""
    height = 76 + sum(30 + STEP * len(flows) for _, flows in BANDS) + 24
    c = Canvas(1080, height, "The pick-up as data flows, step by step")
    _bands(c)
    for lane, x in zip(LANES, X, strict=True):
        c.rect(x - 92, 16, 184, 38, RAIL)
        c.text(x, 40, lane, size=15, weight=600, fill=ON_RAIL, anchor="middle")
    return c


def _bands(c: Canvas) -> None:
    y = 70.0
    flows_at: list[tuple[float, Flow]] = []
    for number, (name, flows) in enumerate(BANDS):
        high = 30 + STEP * len(flows)
        c.rect(12, y, 1056, high - 4, SOFT if number % 2 == 0 else SURFACE)
        c.text(24, y + 22, name, size=15, weight=600)
        flows_at += [(y + 46 + STEP * index, flow) for index, flow in enumerate(flows)]
        y += high
    for x in X:
        c.parts.append(f'<line x1="{x}" y1="54" x2="{x}" y2="{y:g}" stroke="{EDGE}" stroke-dasharray="2 5"/>')
    for at, flow in flows_at:
        _flow(c, at, flow)


def _flow(c: Canvas, y: float, flow: Flow) -> None:
    a, b = X[flow.start], X[flow.end]
    room, wide = abs(a - b) - 12, width_of(flow.text, 13)
    if wide > room + 24:
        raise TooWideError(f"{flow.text!r} does not fit {room} px")
    middle = (a + b) / 2
    pill = wide * 0.93 + 8
    c.rect(middle - pill / 2, y - 19, pill, 17, LAMP if flow.text.startswith("intent") else PAPER)
    c.text(middle, y - 6, flow.text, size=13, anchor="middle")
    c.arrow((a, y), (b, y), both=flow.both)


PICTURES = {"parts.svg": parts, "pickup.svg": pickup}


def main(argv: list[str] | None = None) -> int:
    """Write, or check, all pictures. Exit codes: 0 done; 1 a picture is out of date (--check)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    check = parser.parse_args(argv).check
    stale = []
    for name, draw in PICTURES.items():
        path, drawn = FOLDER / name, draw().svg()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != drawn):
            stale.append(name)
        elif not check:
            path.write_text(drawn, encoding="utf-8")
    for name in stale:
        print(f"docs/pictures/{name} is out of date: run scripts/draw_architecture.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
