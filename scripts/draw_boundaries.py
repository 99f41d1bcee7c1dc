"""Draw the picture of docs/threat-model.md: the trust boundaries, and who stands at each.

python scripts/draw_boundaries.py            # writes docs/pictures/boundaries.svg
python scripts/draw_boundaries.py --check    # exit 1 where the picture is not what would be drawn
"""

import argparse
import sys

from draw_architecture import EDGE, FOLDER, INK, LAMP, MUTED, PAPER, SOFT, SURFACE, Canvas

NAME = "boundaries.svg"


def boundaries() -> Canvas:
    """Zones, what runs in them, and the numbered lines that something crosses."""
    c = Canvas(1080, 640, "Trust boundaries of kortkiosk, numbered as in the text")
    _corridor(c)
    _station(c)
    _fleet(c)
    _elsewhere(c)
    for number, x, y in (
        ("1", 204, 164), ("2", 204, 286), ("3", 398, 452), ("4", 562, 224), ("5", 726, 196), ("6", 874, 196),
        ("7", 986, 452), ("8", 874, 82), ("9", 632, 452), ("10", 500, 48),
    ):  # fmt: skip
        _mark(c, number, x, y)
    c.text(
        24,
        624,
        "Yellow: a boundary. What crosses it proves itself by a signature, or is not believed.",
        size=13,
        fill=MUTED,
    )
    return c


def _mark(c: Canvas, number: str, x: float, y: float) -> None:
    c.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="13" fill="{LAMP}" stroke="{INK}"/>')
    c.text(x, y + 5, number, size=13, weight=600, anchor="middle")


def _corridor(c: Canvas) -> None:
    c.rect(24, 24, 160, 380, SURFACE, EDGE, dash="6 4")
    c.text(40, 52, "Corridor", size=18, weight=600)
    c.text(40, 74, "nobody is known", size=13, fill=MUTED)
    c.box(36, 150, 136, "people", "holder,", "administrator,", "anyone", fill=PAPER)
    c.box(36, 280, 136, "cards", "true, copied,", "torn, foreign", fill=PAPER)
    c.arrow((172, 190), (224, 190), both=True)
    c.arrow((172, 312), (224, 312), both=True)


def _station(c: Canvas) -> None:
    c.rect(224, 24, 300, 380, SOFT)
    c.text(240, 52, "Station", size=18, weight=600)
    c.text(240, 74, "one locked box; USB, SD card, window", size=13, fill=MUTED)
    c.box(240, 120, 268, "screen and journeys", "believe a signature that verifies")
    c.box(
        240,
        212,
        268,
        "journal, outbox, order book",
        "intent, effect, outcome; a chain;",
        "lists as the server signed them",
    )
    c.box(240, 312, 268, "readers", "every answer is hostile input")
    c.arrow((374, 404), (374, 500), both=True)
    c.arrow((524, 252), (600, 252), both=True)


def _fleet(c: Canvas) -> None:
    c.rect(600, 24, 456, 380, SOFT)
    c.text(616, 52, "Fleet server", size=18, weight=600)
    c.text(738, 52, "each part a user of its own", size=13, fill=MUTED)
    c.box(616, 212, 100, "broker", "carries;", "proves", "nothing")
    c.box(736, 212, 128, "answers", "judge each", "signature")
    c.box(884, 212, 156, "verifier", "alone has the", "letters' keys")
    c.box(736, 96, 128, "pages, API", "rights, audit")
    c.box(884, 96, 156, "browsers", "operations", fill=PAPER)
    c.box(736, 324, 304, "store", "exact bytes, projections, sealed secrets")
    c.arrow((716, 252), (736, 252), both=True)
    c.arrow((864, 252), (884, 252), both=True)
    c.arrow((864, 128), (884, 128), both=True)
    c.arrow((800, 290), (800, 324), both=True)
    c.arrow((962, 404), (962, 500), both=True)
    c.arrow((656, 500), (656, 404))


def _elsewhere(c: Canvas) -> None:
    c.box(240, 500, 268, "cabinet's board", "signed commands; locks by itself", h=90)
    c.box(560, 500, 220, "authority", "CA key, off line; claims;", "revocations, renewals", h=90)
    c.box(840, 500, 216, "issuer and directory", "certificates, blocks,", "people", h=90)
    c.rect(24, 440, 160, 150, SURFACE, EDGE, dash="6 4")
    c.text(40, 468, "Letters", size=15, weight=600)
    for line, text in enumerate(("PUK by post to the", "home address; never", "the same way as", "the card")):
        c.text(40, 490 + 18 * line, text, size=13, fill=MUTED)


def main(argv: list[str] | None = None) -> int:
    """Write, or check, the picture. Exit codes: 0 done; 1 it is out of date (--check)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether it is out of date")
    path, drawn = FOLDER / NAME, boundaries().svg()
    if not parser.parse_args(argv).check:
        path.write_text(drawn, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != drawn:
        print(f"docs/pictures/{NAME} is out of date: run scripts/draw_boundaries.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
