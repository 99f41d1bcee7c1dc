"""An SVG under construction, in the colours of the design: for pictures that are drawn from data (`draw_wiring`)."""

from dataclasses import dataclass, field
from html import escape

PAPER, INK, MUTED = "#F5F3EE", "#12232B", "#46575F"
EDGE, PRIMARY, SOFT, RAIL, ON_RAIL, LAMP = "#73828A", "#0A4D68", "#DDEAF0", "#0C2A36", "#F1F6F7", "#FFC72C"


@dataclass(slots=True)
class Canvas:
    """Its elements in the order in which they are drawn; lengths in px. The same calls give the same bytes."""

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
