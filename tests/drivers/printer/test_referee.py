"""What our driver sends, judged by a printer that is none of ours: the same words, the same codes, the same dots."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from drivers.printer.connections import NetworkConnection
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.layout import text_lines
from drivers.printer.port import CoverOpen, NotPrinted, Offline, OutOfPaper, Printed, PrinterStatus, Ready
from drivers.printer.profile import load_printer_profile
from sim.printer.virtual import VirtualPrinter
from tests.drivers.printer.receipts import NUMBER, QR_TEXT, RECEIPT, codes_on
from tests.fakes.machine.ports import free_port
from tests.fakes.printers.emupos import PROGRAM, Emupos

MODELS = ("raster-80", "raster-58", "tm-t20ii", "tm-t88v", "pos-5890")

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="the referee is not installed: make printer-referee")


@pytest.fixture(scope="module")
def referee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emupos]:
    api, *ports = (free_port() for _ in range(len(MODELS) + 1))
    running = Emupos(tmp_path_factory.mktemp("emupos"), dict(zip(MODELS, ports, strict=True)), api)
    running.start()
    yield running
    running.stop()


def driver(model: str, port: int) -> EscPosPrinter:
    return EscPosPrinter(
        "referee", NetworkConnection("127.0.0.1", port), profile=load_printer_profile(model), reply_timeout_s=2.0
    )


@pytest.fixture(params=MODELS)
async def both(
    request: pytest.FixtureRequest, referee: Emupos, tmp_path: Path
) -> AsyncIterator[tuple[str, Image.Image]]:
    """The same receipt printed on ours: its model and its paper."""
    ours = VirtualPrinter(tmp_path / "ours", load_printer_profile(request.param))
    printer = driver(request.param, (await ours.start())[1])
    assert await printer.print(RECEIPT) == Printed()
    printer.close()
    await ours.stop()
    with Image.open(ours.receipts[-1]) as paper:
        yield request.param, paper.convert("1")


async def test_both_printers_put_the_same_on_paper(
    both: tuple[str, Image.Image], referee: Emupos, tmp_path: Path
) -> None:
    model, ours = both
    printer = driver(model, referee.ports[model])

    assert await printer.print(RECEIPT) == Printed()
    printer.close()
    theirs, words = await referee.latest(model)

    assert codes_on(theirs, tmp_path) == codes_on(ours, tmp_path) == {"QR-Code": QR_TEXT, "CODE-128": NUMBER}
    if load_printer_profile(model).code_page is None:
        same_dots(theirs, ours)
    else:
        said = [line.strip() for line in words.splitlines()]
        assert [line.strip() for line in text_lines(RECEIPT, load_printer_profile(model).columns)[:3]] == said[:3]
        assert {"Ta med den i mobilen", "Nr 7F3A-91C2-K8M4A"} <= set(said)
        (qr, bars), (their_qr, their_bars) = codes_at(ours), codes_at(theirs)
        assert (qr, bars) == (their_qr, their_bars), "the codes stand at the same place"
        assert ours.crop(bars).tobytes() == theirs.convert("1").crop(bars).tobytes()


def codes_at(paper: Image.Image) -> list[tuple[int, int, int, int]]:
    """Where the QR code and the bars are: the two bands of black that are higher than any line of text."""
    grey, bands, top = paper.convert("L"), [], None
    for y in range(grey.height):
        dark = grey.crop((0, y, grey.width, y + 1)).getextrema()[0] < 128
        if dark and top is None:
            top = y
        if not dark and top is not None:
            bands, top = [*bands, (top, y)], None
    boxes = [ImageChops.invert(grey.crop((0, start, grey.width, end))).getbbox() for start, end in bands]
    return [(box[0], start, box[2], end) for (start, end), box in zip(bands, boxes, strict=True) if end - start >= 60]


def same_dots(theirs: Image.Image, ours: Image.Image) -> None:
    """Apart from how far each feeds before the cut."""
    height = min(theirs.height, ours.height)
    seen = [one.convert("L").crop((0, 0, one.width, height)) for one in (theirs, ours)]
    assert theirs.width == ours.width
    assert ImageChops.difference(*seen).getbbox() is None


@pytest.mark.parametrize("model", ["raster-58", "tm-t20ii"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("paper-near-end", Ready(paper_low=True)),
        ("paper-out", OutOfPaper()),
        ("cover-open", CoverOpen()),
        ("offline", Offline()),
    ],
)
async def test_its_faults_are_read_as_they_are(referee: Emupos, model: str, fault: str, status: PrinterStatus) -> None:
    printer = driver(model, referee.ports[model])
    before = await referee.receipts(model)
    await referee.fault(model, fault, True)
    try:
        assert await printer.status() == status
        ready = isinstance(status, Ready)
        assert await printer.print(RECEIPT) == (Printed() if ready else NotPrinted(status))
        assert await referee.receipts(model) == before + ready
    finally:
        await referee.fault(model, fault, False)
    assert await printer.status() == Ready()
    printer.close()
