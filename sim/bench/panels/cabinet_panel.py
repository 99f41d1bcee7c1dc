"""Cabinet panel: six columns of slots, with the open door lit."""

from functools import partial
from typing import Any

from kivy.properties import BooleanProperty
from kivy.uix.gridlayout import GridLayout

from sim.bench.panels.widgets import (
    BenchButton,
    BenchPanel,
    ButtonRow,
    FaultToggle,
    PanelActions,
    PanelHeading,
    Selection,
    glyph,
    plain,
)
from sim.bench.view_model import BenchView, SlotView

COLUMNS = 6


class SlotCell(BenchButton):
    """One slot: its number, whose card lies in it, open or jammed."""

    is_open = BooleanProperty(False)

    def draw(self, slot: SlotView, picture: BenchView, chosen: Selection) -> None:
        self.chosen = chosen.slot == slot.number
        self.is_open = slot.open
        self.tone = "ink" if slot.card else "muted"
        mark = f" {glyph('alert', 13)}" if slot.jammed else ""
        which = f" {picture.cards[slot.card].which}" if slot.card else ""
        whose = plain(picture.owner(slot.card).short) if slot.card else "empty"
        self.text = f"[b]{slot.number}[/b]{which}{mark}\n{whose}"


class CabinetPanel(BenchPanel):
    """All slots, and what hands do at the one that is chosen."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hands = hands
        self._slot = 0
        self._jammed = False
        self._card: str | None = None
        self._cells: dict[int, SlotCell] = {}
        self._grid = GridLayout(cols=COLUMNS, spacing=4)
        self._title = PanelHeading()
        self._take = BenchButton(lambda: hands.move("take", slot=self._slot), target="take", text="Take card")
        self._put = BenchButton(self._put_card, target="put:slot", text="Put card in")
        self._close = BenchButton(lambda: hands.move("close_door", slot=self._slot), target="close", text="Close door")
        self._open = BenchButton(lambda: hands.move("open_door", slot=self._slot), target="open", text="Use the key")
        self._jam = FaultToggle(self._toggle_jam, target="jam", text="Jammed")
        buttons = ButtonRow()
        for button in (self._take, self._put, self._close, self._open, self._jam):
            buttons.add_widget(button)
        for widget in (self._title, self._grid, buttons):
            self.add_widget(widget)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Show all slots, and the buttons of the chosen one."""
        if len(self._cells) != len(picture.slots):
            self._build(picture)
        for slot in picture.slots:
            self._cells[slot.number].draw(slot, picture, chosen)
        here = next((slot for slot in picture.slots if slot.number == chosen.slot), None)
        card = picture.cards.get(chosen.card or "")
        self._card = card.name if card is not None and card.in_hand else None
        self._title.text = _title(picture, here)
        self._enable(here)

    def _enable(self, here: SlotView | None) -> None:
        is_open = here is not None and here.open
        self._slot = here.number if here is not None else 0
        self._jammed = self._jam.chosen = here is not None and here.jammed
        self._take.disabled = here is None or not here.open or here.card is None
        self._put.disabled = here is None or not here.open or here.card is not None or self._card is None
        self._close.disabled = not is_open
        self._open.disabled = here is None or is_open
        self._jam.disabled = here is None

    def _build(self, picture: BenchView) -> None:
        self._grid.clear_widgets()
        self._cells = {
            slot.number: SlotCell(partial(self._hands.choose, slot=slot.number), target=f"slot:{slot.number}")
            for slot in picture.slots
        }
        for cell in self._cells.values():
            self._grid.add_widget(cell)

    def _put_card(self) -> None:
        self._hands.move("put", slot=self._slot, card=self._card)

    def _toggle_jam(self) -> None:
        self._hands.move("jam", slot=self._slot, jammed=not self._jammed)


def _title(picture: BenchView, here: SlotView | None) -> str:
    if here is None:
        return "Cabinet: choose a slot"
    inside = "empty"
    if here.card:
        inside = f"{plain(picture.owner(here.card).called)}, {picture.cards[here.card].which} card"
    door = "open" if here.open else "closed"
    return f"Slot {here.number}, {door}: {inside}"
