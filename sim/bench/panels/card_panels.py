"""Panels of the selected card, with what can be done to it, and of its owner's code letter."""

from typing import Any

from sim.bench.panels.widgets import (
    BenchButton,
    BenchPanel,
    ButtonRow,
    DigitsLabel,
    FaultToggle,
    PanelActions,
    PanelHeading,
    Selection,
    TextLabel,
    plain,
)
from sim.bench.view_model import BenchView, CardView, LetterView, PersonView, in_fours


class ChosenCard(BenchPanel):
    """Buttons for one card from the hand."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hands = hands
        self._card = ""
        self._number = ""
        self._slot: int | None = None
        self._turned = False
        self._title = PanelHeading()
        self._where = TextLabel(tone="muted", size_hint_y=None, height=18)
        self._holder = BenchButton(lambda: self._insert("holder"), target="insert:holder", text="Holder's reader")
        self._admin = BenchButton(
            lambda: self._insert("administrator"), target="insert:administrator", text="Admin's reader"
        )
        self._over = FaultToggle(self._turn, target="upside-down", text="Upside down")
        self._put = BenchButton(self._put_in_slot, target="put", text="Into the open slot")
        self._drop = BenchButton(lambda: hands.move("drop", card=self._card), target="drop", text="Through the flap")
        self._scan = BenchButton(lambda: hands.move("scan", text=self._number), target="scan", text="Scan its number")
        upper, lower = ButtonRow(), ButtonRow()
        for row, buttons in (
            (upper, (self._holder, self._admin, self._over)),
            (lower, (self._put, self._drop, self._scan)),
        ):
            for button in buttons:
                row.add_widget(button)
        for widget in (self._title, self._where, upper, lower):
            self.add_widget(widget)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        card = picture.cards.get(chosen.card or "")
        self._slot, self._turned, self._over.chosen = picture.open_slot, chosen.upside_down, chosen.upside_down
        for button in (self._holder, self._admin, self._over, self._drop, self._scan):
            button.disabled = card is None or not card.in_hand
        self._put.disabled = self._drop.disabled or picture.open_slot is None
        self._put.text = "Into the open slot" if picture.open_slot is None else f"Into slot {picture.open_slot}"
        if card is None:
            self._card, self._title.text, self._where.text = "", "No card chosen", "Choose one in the table."
            return
        self._card, self._number = card.name, card.number
        self._title.text = f"{plain(picture.owner(card.name).called)}, {card.which} card"
        self._where.text = f"{in_fours(card.number)}, {_at(card)}" + (f". {card.note}" if card.note else "")

    def _insert(self, reader: str) -> None:
        self._hands.move("insert", card=self._card, reader=reader, upside_down=self._turned)
        self._hands.choose(upside_down=False)

    def _turn(self) -> None:
        self._hands.choose(upside_down=not self._turned)

    def _put_in_slot(self) -> None:
        self._hands.move("put", card=self._card, slot=self._slot)


class LetterPanel(BenchPanel):
    """The letter of the chosen card, or of the chosen person's new one. Made up, and therefore open on the bench."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._to = PanelHeading()
        self._number = DigitsLabel()
        self._puk = DigitsLabel()
        self.add_widget(self._to)
        for name, value in (("Card number", self._number), ("PUK", self._puk)):
            line = ButtonRow(height=24)
            line.add_widget(TextLabel(text=name, tone="muted", size_hint_x=None, width=96))
            line.add_widget(value)
            self.add_widget(line)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Open the chosen person's letter."""
        someone = next((person for person in picture.people if person.number == chosen.person), None)
        old = someone is not None and someone.old is not None and someone.old.name == chosen.card
        letter = None if someone is None else someone.old_letter if old else someone.letter
        self._to.text = _addressed(someone, letter, old=old)
        self._number.text = in_fours(letter.card_number) if letter is not None else ""
        self._puk.text = in_fours(letter.puk) if letter is not None else ""


def _at(card: CardView) -> str:
    if card.in_hand:
        return "in the hand"
    return f"at the {card.place}" if card.place == "flap" else f"in {card.place}"


def _addressed(someone: PersonView | None, letter: LetterView | None, *, old: bool) -> str:
    if someone is None:
        return "Code letter: choose a person"
    if letter is None:
        return f"No code letter for {plain(someone.called)}"
    return f"Made-up code letter to {plain(someone.called)}" + (", of the old card" if old else "")
