"""A receipt is laid out once, for paper, screen and text, and nothing of it is lost."""

import pytest
from PIL import Image

from drivers.printer.document import Document, ParagraphBlock, QrBlock, RowBlock, RuleBlock, TitleBlock
from drivers.printer.layout import WIDTH_DOTS, qr_matrix, render, text_lines, to_dots, wrap

LONG = "Sjukvårdsadministrationsförvaltningssamordningsansvarig Östergötlandsavdelningen"
RECEIPT = Document(
    (
        TitleBlock("Kvittens på utlämnat kort"),
        RowBlock("Innehavare", "Åsa Lindström"),
        RowBlock("Kortnummer", "9752 2690 5082 6134"),
        RuleBlock(),
        QrBlock("KK1." + "x" * 400),
        ParagraphBlock("Nr 7F3A-91C2", strong=True),
    )
)


def edges_are_white(picture: Image.Image) -> bool:
    inner = picture.crop((2, 2, picture.width - 2, picture.height - 2))
    framed = Image.new("L", picture.size, 255)
    framed.paste(inner, (2, 2))
    return framed.tobytes() == picture.tobytes()


@pytest.mark.parametrize("width_mm", [80, 58])
@pytest.mark.parametrize("text", ["Åsa", LONG, LONG.replace(" ", ""), "W" * 200])
def test_nothing_touches_the_edge_of_the_paper_however_long_the_words_are(width_mm: int, text: str) -> None:
    document = Document((TitleBlock(text), RowBlock("Innehavare", text), RowBlock(text, text), ParagraphBlock(text)))

    picture = render(document, WIDTH_DOTS[width_mm])

    assert picture.width == WIDTH_DOTS[width_mm]
    assert edges_are_white(picture)


@pytest.mark.parametrize("columns", [32, 48])
def test_as_text_every_letter_is_kept_and_no_line_is_too_long(columns: int) -> None:
    document = Document(
        (TitleBlock(LONG), RowBlock("Innehavare", LONG), ParagraphBlock("Å ä ö"), RowBlock("Av", "Örjan"))
    )

    lines = text_lines(document, columns)

    assert max(map(len, lines)) <= columns
    said = LONG + "Innehavare" + LONG + "Åäö" + "Av" + "Örjan"
    assert "".join("".join(lines).split()) == "".join(said.split())


def test_a_value_stands_beside_its_label_where_there_is_room_and_below_where_there_is_none() -> None:
    beside = render(Document((RowBlock("Av", "Örjan"),)))
    below = render(Document((RowBlock("Av", "Örjan " * 12),)))

    assert below.height > 1.5 * beside.height


def test_swedish_letters_are_drawn_with_their_rings_and_dots() -> None:
    def ink(text: str) -> int:
        return sum(value < 128 for value in render(Document((ParagraphBlock(text),))).tobytes())

    assert ink("ÅÄÖåäö") > ink("AAOaao")


@pytest.mark.parametrize("width_mm", [80, 58])
def test_the_code_on_paper_has_the_modules_of_the_code(width_mm: int) -> None:
    text = "KK1." + "a1B_" * 110
    matrix = qr_matrix(text)

    dots = to_dots(render(Document((QrBlock(text),)), WIDTH_DOTS[width_mm]))

    margin = 16 if width_mm == 80 else 8
    module = (dots.height - 2 * margin) // len(matrix)
    left = (dots.width - module * len(matrix)) // 2
    assert module >= 3, "a phone needs three dots a module"
    read = [
        [
            dots.getpixel((left + module * x + module // 2, margin + module * y + module // 2)) == 0
            for x in range(len(matrix))
        ]
        for y in range(len(matrix))
    ]
    assert read == matrix


def test_a_code_that_does_not_fit_is_refused_not_clipped() -> None:
    with pytest.raises(ValueError, match="QR"):
        render(Document((QrBlock("x" * 2000),)), 200)


def test_dots_are_black_or_white() -> None:
    assert {value for _, value in to_dots(render(RECEIPT)).getcolors() or []} == {0, 255}


def test_wrap_keeps_an_empty_text_as_an_empty_line() -> None:
    assert wrap("", len, 10) == [""]
    assert wrap("ett två", len, 3) == ["ett", "två"]
