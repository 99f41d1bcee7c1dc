"""Root widget of the bench window: all panels, and the selection."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kivy.properties import StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget

from sim.bench.panels.cabinet_panel import CabinetPanel
from sim.bench.panels.card_panels import ChosenCard, LetterPanel
from sim.bench.panels.drop_slot_panels import BoardPanel, DropPanel
from sim.bench.panels.people_panel import PeoplePanel
from sim.bench.panels.printer_panel import PrinterPanel
from sim.bench.panels.widgets import (
    BenchButton,
    BenchPanel,
    ButtonRow,
    FaultToggle,
    PanelActions,
    PanelHeading,
    Selection,
    TextLabel,
    glyph,
    plain,
)
from sim.bench.view_model import BenchView, ReaderView, in_fours

LEFT = 496
NO_POWER = "The station has no power, or has not started. The bench waits for it."


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


class StatusLine(TextLabel):
    """Line that says what could not be done, and why."""

    fill = StringProperty("paper")


class BenchPanels(BoxLayout):
    """Implements `widgets.PanelActions`. `move` sends a move; `power` switches the station, None where nothing can."""

    def __init__(self, move: Callable[..., None], power: Callable[[bool], None] | None) -> None:
        super().__init__()
        self.move = move
        self._chosen = Selection()
        self._picture: BenchView | None = None
        self._powered = False
        self._cable = FaultToggle(self._pull_cable, target="network", size_hint_x=None, width=170)
        self._power = BenchButton(
            lambda: power(not self._powered) if power else None, target="power", size_hint_x=None, width=130
        )
        self._status = StatusLine()
        self._body = BoxLayout(spacing=8)
        self._panels = self._fill_body()
        self.add_widget(self._head(with_power=power is not None))
        self.add_widget(self._body)
        self.add_widget(self._status)
        self.lost()

    def show(self, picture: BenchView) -> None:
        """Draw the world as it is now; a slot that has just opened is pointed at."""
        opened = picture.open_slot
        if opened is not None and (self._picture is None or self._picture.open_slot != opened):
            self._chosen = replace(self._chosen, slot=opened)
        self._picture = picture
        if not self._powered:
            self._set_powered(True)
            self.say("")
        self._draw()

    def lost(self) -> None:
        """The station is gone: nothing can be moved until it is back."""
        self._set_powered(False)
        self.say("")

    def say(self, why: str) -> None:
        """Put that into the status line, or clear it; without power that is what it says."""
        why = why or ("" if self._powered else NO_POWER)
        self._status.fill = "warning_soft" if why else "paper"
        self._status.tone = "warning"
        self._status.text = f"{glyph('alert', 14)}  {plain(why)}" if why else ""

    def choose(self, **changes: Any) -> None:
        """Point at something else. A person alone takes the card away."""
        if "person" in changes:
            changes.setdefault("card", None)
        self._chosen = replace(self._chosen, **changes)
        self._draw()

    def targets(self) -> dict[str, tuple[int, int]]:
        """Centres, in pixels from the upper left, of all that can be pressed now: `card:1:old`, `insert:holder`,
        `pull:holder`, `slot:4`, `take`, `close`, `jam`, `hold`, `printer:out_of_paper`, `network`, `power`, ..."""
        targets = {}
        for widget in self.walk():
            name = getattr(widget, "target", "")
            middle = _middle(widget) if name and not widget.disabled else None
            if middle is not None:
                targets[name] = (round(middle[0]), round(self.height - middle[1]))
        return targets

    def said(self) -> str:
        """Return the text of the status line."""
        return str(self._status.text)

    def _draw(self) -> None:
        if self._picture is None:
            return
        for panel in self._panels:
            panel.draw(self._picture, self._chosen)
        self._cable.chosen = not self._picture.network
        self._cable.text = "Network cable in" if self._picture.network else "Network cable pulled"

    def _set_powered(self, powered: bool) -> None:
        self._powered = powered
        self._power.text = "Cut the power" if powered else "Power on"
        self._body.disabled = self._cable.disabled = not powered
        self._body.opacity = 1 if powered else 0.35

    def _pull_cable(self) -> None:
        self.move("network", cut=self._picture is not None and self._picture.network)

    def _head(self, with_power: bool) -> ButtonRow:
        head = ButtonRow()
        head.add_widget(PanelHeading(text="Bench", font_size=18, size_hint_x=None, size_hint_y=1, width=64))
        head.add_widget(TextLabel(text="Virtual devices, made-up people and codes", tone="muted"))
        head.add_widget(self._cable)
        if with_power:
            head.add_widget(self._power)
        return head

    def _fill_body(self) -> list[Any]:
        left = BoxLayout(orientation="vertical", spacing=8, size_hint_x=None, width=LEFT)
        right = BoxLayout(orientation="vertical", spacing=8)
        lefts = [
            PeoplePanel(self),
            ChosenCard(self, size_hint_y=None, height=132),
            LetterPanel(size_hint_y=None, height=102),
        ]
        rights = [
            ReadersPanel(self, size_hint_y=None, height=96),
            CabinetPanel(self, size_hint_y=None, height=256),
            DropPanel(self, size_hint_y=None, height=72),
            BoardPanel(self, size_hint_y=None, height=72),
            PrinterPanel(self),
        ]
        for side, panels in ((left, lefts), (right, rights)):
            self._body.add_widget(side)
            for panel in panels:
                side.add_widget(panel)
        return [*lefts, *rights]


def _middle(widget: Any) -> tuple[float, float] | None:
    """The middle of what can be seen of it, in the window; None where it is scrolled out of sight."""
    left, bottom = widget.to_window(*widget.pos)
    right, top = left + widget.width, bottom + widget.height
    above = widget.parent
    while isinstance(above, Widget):
        if isinstance(above, ScrollView):
            x, y = above.to_window(*above.pos)
            left, bottom = max(left, x), max(bottom, y)
            right, top = min(right, x + above.width), min(top, y + above.height)
        above = above.parent
    return ((left + right) / 2, (bottom + top) / 2) if left < right and bottom < top else None
