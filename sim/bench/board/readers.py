"""The two card readers: what is in them, and a button to pull it out."""

from typing import Any

from kivy.uix.boxlayout import BoxLayout

from sim.bench.board.parts import Chosen, Hands, Heading, Panel, Press, Row, Words, plain
from sim.bench.picture import Picture, Reader, in_fours

TITLES = {"holder": "Holder's reader", "administrator": "Admin's reader"}


class ReaderPanel(Panel):
    """One reader."""

    def __init__(self, name: str, hands: Hands, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = name
        self._title = Heading(text=TITLES[name])
        self._whose = Words(size_hint_y=None, height=18)
        self._number = Words(tone="muted")
        self._pull = Press(
            lambda: hands.move("remove", reader=name), target=f"pull:{name}", text="Pull", size_hint_x=None, width=64
        )
        line = Row()
        line.add_widget(self._number)
        line.add_widget(self._pull)
        for widget in (self._title, self._whose, line):
            self.add_widget(widget)

    def draw(self, picture: Picture, chosen: Chosen) -> None:
        """Show what is in it."""
        self._show(next(reader for reader in picture.readers if reader.name == self._name), picture)

    def _show(self, reader: Reader, picture: Picture) -> None:
        self._pull.disabled = reader.card is None
        self._title.text = TITLES[self._name] + (", upside down" if reader.upside_down else "")
        if reader.card is None:
            self._whose.text, self._whose.tone, self._number.text = "Empty", "muted", ""
            return
        card = picture.cards[reader.card]
        self._whose.text = f"{plain(picture.owner(card.name).called)}, {card.which}"
        self._whose.tone = "ink"
        self._number.text = in_fours(card.number)


class Readers(BoxLayout):
    """Both readers beside each other."""

    def __init__(self, hands: Hands, **kwargs: Any) -> None:
        super().__init__(spacing=8, **kwargs)
        self._panels = [ReaderPanel(name, hands) for name in TITLES]
        for panel in self._panels:
            self.add_widget(panel)

    def draw(self, picture: Picture, chosen: Chosen) -> None:
        """Show what is in them."""
        for panel in self._panels:
            panel.draw(picture, chosen)
