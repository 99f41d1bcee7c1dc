"""A receipt to print, and what reads printed codes back without any of our code."""

import subprocess
from pathlib import Path

from PIL import Image

from drivers.printer.document import Barcode, Document, Paragraph, Qr, Row, Rule, Title

QR_TEXT = "KK1.example." + "x1Y_" * 80
NUMBER = "7F3A91C2K8M4A"
RECEIPT = Document(
    (
        Title("Kvittens på utlämnat kort"),
        Row("Innehavare", "Åsa Lindström"),
        Row("HSA-id", "SE2321000999-7K2B"),
        Row("Av", "Örjan Nyström-Bäckmansdotter, Östra entrén"),
        Rule(),
        Qr(QR_TEXT),
        Paragraph("Ta med den i mobilen", strong=True),
        Barcode(NUMBER),
        Paragraph("Nr 7F3A-91C2-K8M4A"),
    )
)
SHORT = Document((Title("Kvittens"), Row("Av", "Örjan"), Qr("KK1.short"), Barcode("7F3A91C2K8M4A")))


def codes_on(picture: Image.Image | Path, folder: Path) -> dict[str, str]:
    """What zbar reads from a picture: `QR-Code` and `CODE-128`, with margins as paper has them."""
    with Image.open(picture) if isinstance(picture, Path) else picture as paper:
        framed = Image.new("L", (paper.width + 80, paper.height + 80), 255)
        framed.paste(paper.convert("L"), (40, 40))
    path = folder / "scanned.png"
    framed.save(path)
    done = subprocess.run(["zbarimg", "--quiet", str(path)], capture_output=True, text=True, check=False)
    return dict(line.split(":", 1) for line in done.stdout.splitlines())
