"""The page in the binder: the words can be searched, the letters are embedded, the codes are read back."""

import subprocess
from pathlib import Path

import pytest

from drivers.printer.document import Document, ParagraphBlock, QrBlock, RowBlock, TitleBlock
from drivers.printer.pdf import a4
from tests.drivers.printer.receipts import NUMBER, QR_TEXT, RECEIPT, codes_on


def run(*words: str | Path) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.pdf"
    path.write_bytes(a4(RECEIPT, title="Kvittens", footer="Äkta, undertecknad av kortet."))
    return path


def test_every_word_can_be_searched_and_copied(page: Path) -> None:
    text = run("pdftotext", "-layout", page, "-")

    for words in ("Kvittens på utlämnat kort", "Åsa Lindström", "Örjan Nyström-Bäckmansdotter, Östra entrén", "Äkta, "):
        assert words in text
    assert "Pages:           1" in run("pdfinfo", page)
    assert "A4" in run("pdfinfo", page)


def test_the_letters_are_embedded(page: Path) -> None:
    fonts = [line.split() for line in run("pdffonts", page).splitlines()[2:]]

    assert sorted(name.partition("+")[2] for name, *_ in fonts) == ["Inter-Regular", "Inter-SemiBold"]
    for row in fonts:
        assert row[-5:-2] == ["yes", "yes", "yes"], "embedded, subset, with Unicode"


def test_a_stranger_reads_the_codes_from_the_page(page: Path, tmp_path: Path) -> None:
    run("pdftoppm", "-r", "150", "-gray", "-png", "-singlefile", page, tmp_path / "page")

    assert codes_on(tmp_path / "page.png", tmp_path) == {"QR-Code": QR_TEXT, "CODE-128": NUMBER}


def test_what_does_not_fit_goes_to_the_next_page_whole(tmp_path: Path) -> None:
    long = [RowBlock(f"Rad {number}", "Ordenlång " * 20) for number in range(24)]
    path = tmp_path / "long.pdf"
    path.write_bytes(
        a4(Document((TitleBlock("Kvittens"), *long, QrBlock("KK1.last"), ParagraphBlock("Slut"))), title="", footer="x")
    )

    text = run("pdftotext", path, "-")
    assert text.count("Ordenlång") == 480
    assert [f"Rad {number}" in text for number in range(24)] == [True] * 24
    run("pdftoppm", "-r", "60", "-gray", "-png", "-l", "99", path, tmp_path / "page")
    (last,) = [one for one in sorted(tmp_path.glob("page-*.png")) if codes_on(one, tmp_path)]
    assert codes_on(last, tmp_path) == {"QR-Code": "KK1.last"}


def test_the_same_receipt_is_the_same_file_whenever_it_is_written(page: Path) -> None:
    assert a4(RECEIPT, title="Kvittens", footer="Äkta, undertecknad av kortet.") == page.read_bytes()
