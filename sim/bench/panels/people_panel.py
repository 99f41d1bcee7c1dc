"""People panel: a line for each person, the number of each card that is in the hand, the place of each that is not."""

from functools import partial
from typing import Any

from kivy.uix.boxlayout import BoxLayout
from kivy.uix.scrollview import ScrollView

from sim.bench.panels.widgets import (
    BenchPanel,
    ButtonRow,
    PanelActions,
    PanelHeading,
    Selection,
    TableCell,
    TextLabel,
    glyph,
    plain,
)
from sim.bench.view_model import BenchView, CardView, PersonView, in_fours

NAME_PART = 0.345
CARD_PART = 0.3275


class PersonTableRow(BoxLayout):
    """One person: the name chooses the letter, a number chooses the card."""

    def __init__(self, someone: PersonView, hands: PanelActions) -> None:
        super().__init__()
        number = someone.number
        self.name = TableCell(
            partial(hands.choose, person=number), target=f"person:{number}", text=_name(someone), size_hint_x=NAME_PART
        )
        self.cards = {
            which: TableCell(
                partial(hands.choose, card=f"{number}:{which}", person=number),
                target=f"card:{number}:{which}",
                size_hint_x=CARD_PART,
            )
            for which in ("old", "new")
        }
        for cell in (self.name, *self.cards.values()):
            self.add_widget(cell)

    def draw(self, someone: PersonView, chosen: Selection) -> None:
        """Show where the two cards are now."""
        self.name.chosen = chosen.person == someone.number and chosen.card is None
        for which, card in (("old", someone.old), ("new", someone.new)):
            cell = self.cards[which]
            cell.disabled = card is None
            cell.text = _place(card)
            cell.tone = "ink" if card is not None and card.in_hand else "muted"
            cell.chosen = card is not None and card.name == chosen.card


class PeoplePanel(BenchPanel):
    """The table of all people."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hands = hands
        self._rows: dict[int, PersonTableRow] = {}
        self._lines = BoxLayout(orientation="vertical", size_hint_y=None, spacing=1)
        head = ButtonRow(height=18, spacing=4)
        for text, part in (("Person", NAME_PART), ("Old card", CARD_PART), ("New card", CARD_PART)):
            head.add_widget(TextLabel(text=f"  {text}", tone="muted", size_hint_x=part, font_size=12))
        scroll = ScrollView(do_scroll_x=False, bar_width=4, scroll_timeout=120)
        scroll.add_widget(self._lines)
        for widget in (PanelHeading(text="Cards in the hand, and where the others are"), head, scroll):
            self.add_widget(widget)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        if [someone.number for someone in picture.people] != list(self._rows):
            self._build(picture)
        for someone in picture.people:
            self._rows[someone.number].draw(someone, chosen)

    def _build(self, picture: BenchView) -> None:
        self._lines.clear_widgets()
        self._rows = {someone.number: PersonTableRow(someone, self._hands) for someone in picture.people}
        for row in self._rows.values():
            self._lines.add_widget(row)
        self._lines.height = 27 * len(self._rows)


def _name(someone: PersonView) -> str:
    letter = glyph("email-outline", 14) if someone.letter is not None else ""
    return f"{plain(someone.called)} {letter}"


def _place(card: CardView | None) -> str:
    if card is None:
        return ""
    return in_fours(card.number) if card.in_hand else card.place
