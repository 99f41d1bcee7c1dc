"""Panels of the two card readers: the card in each, and a button to pull it out."""

from typing import Any

from kivy.uix.boxlayout import BoxLayout

from sim.bench.panels.widgets import (
    BenchButton,
    BenchPanel,
    ButtonRow,
    PanelActions,
    PanelHeading,
    Selection,
    TextLabel,
    plain,
)
from sim.bench.view_model import BenchView, ReaderView, in_fours

TITLES = {"holder": "Holder's reader", "administrator": "Admin's reader"}


class ReaderPanel(BenchPanel):
    """Panel of one card reader: the card in it, and a button to pull it out."""

    def __init__(self, name: str, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = name
        self._title = PanelHeading(text=TITLES[name])
        self._whose = TextLabel(size_hint_y=None, height=18)
        self._number = TextLabel(tone="muted")
        self._pull = BenchButton(
            lambda: hands.move("remove", reader=name), target=f"pull:{name}", text="Pull", size_hint_x=None, width=64
        )
        line = ButtonRow()
        line.add_widget(self._number)
        line.add_widget(self._pull)
        for widget in (self._title, self._whose, line):
            self.add_widget(widget)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Show what is in it."""
        self._show(next(reader for reader in picture.readers if reader.name == self._name), picture)

    def _show(self, reader: ReaderView, picture: BenchView) -> None:
        self._pull.disabled = reader.card is None
        self._title.text = TITLES[self._name] + (", upside down" if reader.upside_down else "")
        if reader.card is None:
            self._whose.text, self._whose.tone, self._number.text = "Empty", "muted", ""
            return
        card = picture.cards[reader.card]
        self._whose.text = f"{plain(picture.owner(card.name).called)}, {card.which}"
        self._whose.tone = "ink"
        self._number.text = in_fours(card.number)


class ReadersPanel(BoxLayout):
    """Both readers beside each other."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(spacing=8, **kwargs)
        self._panels = [ReaderPanel(name, hands) for name in TITLES]
        for panel in self._panels:
            self.add_widget(panel)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Show what is in them."""
        for panel in self._panels:
            panel.draw(picture, chosen)
