"""A receipt to print, and what reads printed codes back without any of our code."""

import subprocess
from pathlib import Path

from PIL import Image

from drivers.printer.document import BarcodeBlock, Document, ParagraphBlock, QrBlock, RowBlock, RuleBlock, TitleBlock

QR_TEXT = "KK1.example." + "x1Y_" * 80
NUMBER = "7F3A91C2K8M4A"
RECEIPT = Document(
    (
        TitleBlock("Kvittens på utlämnat kort"),
        RowBlock("Innehavare", "Åsa Lindström"),
        RowBlock("HSA-id", "SE2321000999-7K2B"),
        RowBlock("Av", "Örjan Nyström-Bäckmansdotter, Östra entrén"),
        RuleBlock(),
        QrBlock(QR_TEXT),
        ParagraphBlock("Ta med den i mobilen", strong=True),
        BarcodeBlock(NUMBER),
        ParagraphBlock("Nr 7F3A-91C2-K8M4A"),
    )
)
SHORT = Document((TitleBlock("Kvittens"), RowBlock("Av", "Örjan"), QrBlock("KK1.short"), BarcodeBlock("7F3A91C2K8M4A")))


def codes_on(picture: Image.Image | Path, folder: Path) -> dict[str, str]:
    """What zbar reads from a picture: `QR-Code` and `CODE-128`, with margins as paper has them."""
    with Image.open(picture) if isinstance(picture, Path) else picture as paper:
        framed = Image.new("L", (paper.width + 80, paper.height + 80), 255)
        framed.paste(paper.convert("L"), (40, 40))
    path = folder / "scanned.png"
    framed.save(path)
    done = subprocess.run(["zbarimg", "--quiet", str(path)], capture_output=True, text=True, check=False)
    return dict(line.split(":", 1) for line in done.stdout.splitlines())
