"""Every model prints the same receipt: with its own letters and codes where it has them, as a picture where it has not."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import escpos
import pytest
from PIL import Image

from drivers.printer.document import BarcodeBlock, Document, ParagraphBlock, QrBlock, RowBlock, TitleBlock
from drivers.printer.encode import encode
from drivers.printer.profile import (
    PrinterProfileError,
    load_printer_profile,
    parse_printer_profile,
    printer_profile_names,
)
from drivers.printer.symbols import code128_modules
from sim.printer.machine import PrinterMachine
from tests.drivers.printer.receipts import NUMBER, QR_TEXT, RECEIPT, codes_on

BUFFER_BYTES = 4096
"""What a small printer can hold."""


def printed(document: Document, name: str) -> Image.Image:
    """The paper that the virtual printer of that profile gives."""
    profile = load_printer_profile(name)
    machine = PrinterMachine(profile.dots, cutter=profile.cut != "none")
    machine.feed(b"".join(encode(document, profile)))
    machine.line_ended()
    (paper,) = machine.take_receipts()
    return paper


def words(steps: tuple[bytes, ...], codec: str) -> str:
    """The letters in what is sent, without commands."""
    return re.sub(rb"\x1b[@E!atJd].?|\x1d[!VrhwfH].", b"", b"".join(steps), flags=re.DOTALL).decode(codec)


@pytest.mark.parametrize("name", printer_profile_names())
def test_the_codes_on_every_paper_are_read_back_by_a_stranger(name: str, tmp_path: Path) -> None:
    paper = printed(RECEIPT, name)

    assert paper.width == load_printer_profile(name).dots
    assert codes_on(paper, tmp_path) == {"QR-Code": QR_TEXT, "CODE-128": NUMBER}


@pytest.mark.parametrize("name", printer_profile_names())
def test_no_printer_ever_holds_more_than_it_has_room_for(name: str) -> None:
    steps = encode(RECEIPT, load_printer_profile(name))

    assert max(len(one) + len(two) for one, two in pairwise(steps)) < BUFFER_BYTES


@pytest.mark.parametrize("name", ["tm-t20ii", "tm-t88v", "pos-5890"])
def test_swedish_letters_go_in_the_code_page_that_is_said_first(name: str) -> None:
    profile = load_printer_profile(name)
    begin, title, holder, *_ = encode(RECEIPT, profile)

    assert begin.endswith(b"\x1bt" + bytes((19,)))
    assert "Kvittens på utlämnat" in words((title,), "cp858")
    assert words((holder,), "cp858") == "Innehavare" + "Åsa Lindström".rjust(profile.columns - 10) + "\n"


def test_a_letter_that_the_printer_does_not_have_makes_a_picture_of_its_line_not_a_question_mark() -> None:
    written, drawn = (
        encode(Document((RowBlock("Av", name),)), load_printer_profile("tm-t20ii"))[1] for name in ("Lukasz", "Łukasz")
    )

    assert b"Lukasz" in written
    assert drawn.startswith(b"\x1dv0")
    assert b"?" not in drawn[:8]


def test_a_name_in_two_signs_a_letter_is_written_with_one() -> None:
    (step,) = encode(Document((ParagraphBlock("A\u030asa"),)), load_printer_profile("tm-t20ii"))[1:-1]

    assert step == "Åsa\n".encode("cp858")


def test_no_name_is_a_command() -> None:
    evil = "Åsa\x1b@\x10\x04\x01\x1dV\x00 \x07"
    for document in (
        Document((TitleBlock(evil),)),
        Document((ParagraphBlock(evil),)),
        Document((RowBlock(evil, evil),)),
    ):
        body = b"".join(encode(document, load_printer_profile("tm-t20ii"))[1:-1])
        assert not re.search(rb"\x10|\x1b@|\x1dV|\x07", body)


def test_a_long_value_goes_below_its_label_and_ends_at_the_edge() -> None:
    (step,) = encode(
        Document((RowBlock("Utlämnat av", "Örjan Nyström-Bäckmansdotter vid entrén"),)),
        load_printer_profile("pos-5890"),
    )[1:-1]

    lines = words((step,), "cp858").splitlines()
    assert lines[0] == "Utlämnat av"
    assert all(len(line) == 32 for line in lines[1:])


def test_a_printer_without_a_cutter_is_fed_to_the_edge_and_not_told_to_cut() -> None:
    assert encode(RECEIPT, load_printer_profile("pos-5890"))[-1] == b"\x1bd\x06"
    assert encode(RECEIPT, load_printer_profile("tm-t20ii"))[-1] == b"\x1bd\x06\x1dV\x01"


@pytest.mark.parametrize("name", ["pos-5890", "raster-58"])
@pytest.mark.parametrize("block", [QrBlock("x" * 2300), BarcodeBlock("7" * 60), BarcodeBlock("Å")])
def test_a_code_that_does_not_fit_is_refused_before_anything_is_sent(name: str, block: QrBlock | BarcodeBlock) -> None:
    with pytest.raises(ValueError, match=r"qr|barcode"):
        encode(Document((block,)), load_printer_profile(name))


def test_the_check_character_of_a_code128_is_that_of_the_standard() -> None:
    """ISO/IEC 15417: start B, `A` is 33, so 104 + 33 = 137, and 137 modulo 103 is 34: the bars of `B`."""
    modules = "".join("01"[one] for one in code128_modules("A"))
    assert modules == "0" * 10 + "11010010000" + "10100011000" + "10001011000" + "1100011101011" + "0" * 10


def test_profiles_say_what_the_library_s_table_of_printers_says() -> None:
    table = json.loads((Path(escpos.__file__).parent / "capabilities.json").read_text())["profiles"]
    for name, theirs in (("tm-t20ii", "TM-T20II"), ("tm-t88v", "TM-T88V"), ("pos-5890", "POS-5890")):
        ours, said = load_printer_profile(name), table[theirs]
        assert ours.code_page is not None
        assert said["media"]["width"]["pixels"] == ours.dots
        assert said["fonts"]["0"]["columns"] == ours.columns
        assert said["codePages"][str(ours.code_page.number)].lower() == ours.code_page.codec
        assert said["features"]["qrCode"] == (ours.qr == "printer")
        assert said["features"]["barcodeB"] == (ours.code128 == "printer")
        assert (said["features"]["paperPartCut"] or said["features"]["paperFullCut"]) == (ours.cut != "none")


GOOD = """title = "T"
paper_mm = 80
dots = 576
text = "font"
columns = 48
code_page = { value = "cp858", number = 19 }
qr = "picture"
code128 = "picture"
cut = "none"
"""


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("576", "577"),
        lambda text: text.replace("576", "80"),
        lambda text: text.replace("48", "8"),
        lambda text: text.replace("cp858", "cp9999"),
        lambda text: text.replace('cut = "none"', 'cut = "saw"'),
        lambda text: text.replace("qr =", "qrs ="),
        lambda text: text + "=",
    ],
)
def test_a_profile_that_cannot_be_is_refused_by_name(change: Callable[[str], str]) -> None:
    assert parse_printer_profile("good", GOOD).code_page is not None
    with pytest.raises(PrinterProfileError, match="'bad'"):
        parse_printer_profile("bad", change(GOOD))


def test_an_unknown_profile_is_told_with_those_that_there_are() -> None:
    with pytest.raises(PrinterProfileError, match="raster-58, raster-80"):
        load_printer_profile("laser")
