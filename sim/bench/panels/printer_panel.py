"""Printer panel: faults as switches, and the newest receipt as it came out; a touch on the receipt shows it large."""

from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.gridlayout import GridLayout
from kivy.uix.image import Image
from kivy.uix.modalview import ModalView
from kivy.uix.scrollview import ScrollView

from sim.bench.panels.widgets import BenchPanel, FaultToggle, PanelActions, PanelHeading, Selection, TextLabel
from sim.bench.view_model import PRINTER_SWITCHES, BenchView

COLUMNS, SWITCH_HEIGHT, SPACE = 2, 26, 6


class ReceiptImage(Image):
    """A receipt, as wide as its place and as long as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(size_hint_y=None, fit_mode="fill", **kwargs)
        self.bind(texture=self._measure, width=self._measure)
        self._measure()

    def _measure(self, *_: Any) -> None:
        if self.texture is not None:
            self.height = self.width * self.texture.height / self.texture.width


class ReceiptButton(ButtonBehavior, ReceiptImage):
    """The receipt on the board."""

    target = "receipt"

    def on_release(self) -> None:
        """Show it as large as the window."""
        view = ModalView(size_hint=(0.5, 0.96), background="", background_color=(1, 1, 1, 1))
        scroll = ScrollView(do_scroll_x=False)
        scroll.add_widget(ReceiptImage(source=self.source))
        view.add_widget(scroll)
        view.open(animation=False)


class PrinterPanel(BenchPanel):
    """Panel that shows what is wrong with the printer, and what came out."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hands = hands
        self._receipt = ""
        self._printed = TextLabel(tone="muted", size_hint_y=None, height=18)
        self._switches = {
            fault: FaultToggle(
                partial(self._toggle, fault),
                target=f"printer:{fault}",
                text=text,
                size_hint_y=None,
                height=SWITCH_HEIGHT,
            )
            for fault, text in PRINTER_SWITCHES.items()
        }
        rows = ceil(len(self._switches) / COLUMNS)
        height = rows * (SWITCH_HEIGHT + SPACE) - SPACE
        switches = GridLayout(cols=COLUMNS, spacing=SPACE, size_hint_y=None, height=height)
        for switch in self._switches.values():
            switches.add_widget(switch)
        left = BoxLayout(orientation="vertical", spacing=6, size_hint_x=None, width=226)
        for widget in (PanelHeading(text="Printer"), self._printed, switches, TextLabel()):
            left.add_widget(widget)
        self._scroll = ScrollView(do_scroll_x=False, bar_width=4)
        both = BoxLayout(spacing=10)
        both.add_widget(left)
        both.add_widget(self._scroll)
        self.add_widget(both)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Show its faults and the newest receipt."""
        for fault, switch in self._switches.items():
            switch.chosen = picture.printer.faults.get(fault, False)
        receipts = picture.printer.receipts
        self._printed.text = f"{len(receipts)} printed" if receipts else "Nothing printed"
        if receipts and str(receipts[-1]) != self._receipt:
            self._show(receipts[-1])

    def _show(self, path: Path) -> None:
        self._receipt = str(path)
        self._scroll.clear_widgets()
        self._scroll.add_widget(ReceiptButton(source=self._receipt))
        self._scroll.scroll_y = 1

    def _toggle(self, fault: str) -> None:
        self._hands.move("printer", faults={fault: not self._switches[fault].chosen})
