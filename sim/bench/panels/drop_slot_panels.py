"""Panels of the drop slot, with flap and bin, and of the cabinet's board, with its faults."""

from functools import partial
from typing import Any

from sim.bench.panels.widgets import (
    BenchButton,
    BenchPanel,
    ButtonRow,
    FaultToggle,
    PanelActions,
    PanelHeading,
    Selection,
)
from sim.bench.view_model import BenchView, BoardView, DropSlotView


class DropPanel(BenchPanel):
    """Flap and bin of the drop slot."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._held = self._open = False
        self._title = PanelHeading()
        self._hold = FaultToggle(lambda: hands.move("hold_flap", held=not self._held), target="hold", text="Hold flap")
        self._fish = BenchButton(lambda: hands.move("fish"), target="fish", text="Pull back")
        self._reach = BenchButton(lambda: hands.move("reach_in"), target="reach-in", text="Reach in")
        self._door = FaultToggle(
            lambda: hands.move("board", what="bin_door", on=not self._open), target="bin-door", text="Open bin"
        )
        self._empty = BenchButton(lambda: hands.move("empty_bin"), target="empty-bin", text="Empty bin")
        row = ButtonRow()
        for widget in (self._hold, self._fish, self._reach, self._door, self._empty):
            row.add_widget(widget)
        self.add_widget(self._title)
        self.add_widget(row)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        drop = picture.drop
        self._held = self._hold.chosen = drop.held
        self._open = self._door.chosen = picture.board is not None and picture.board.bin_open
        self._door.disabled = picture.board is None
        self._fish.disabled = drop.at_flap is None
        self._reach.disabled = not drop.open
        self._empty.disabled = not drop.lying
        self._title.text = f"Drop slot: {_flap(drop)}; {_bin(drop)}"


class BoardPanel(BenchPanel):
    """The cabinet's board: its cable, its line and its housing."""

    def __init__(self, hands: PanelActions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hands = hands
        self._title = PanelHeading()
        self._toggles = {
            trouble: FaultToggle(partial(self._turn, trouble), target=trouble, text=text)
            for trouble, text in (("cable", "Cable out"), ("silent", "Silent"), ("case", "Open case"))
        }
        self._once = [
            BenchButton(partial(hands.move, "board", what=trouble), target=trouble, text=text)
            for trouble, text in (("noise", "Noise"), ("restart", "Restart"))
        ]
        row = ButtonRow()
        for widget in (*self._toggles.values(), *self._once):
            row.add_widget(widget)
        self.add_widget(self._title)
        self.add_widget(row)

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Show what has befallen it; without a board there is nothing to press."""
        board = picture.board
        on = {"cable": board.cable_out, "silent": board.silent, "case": board.case_open} if board is not None else {}
        for trouble, toggle in self._toggles.items():
            toggle.chosen = on.get(trouble, False)
        for widget in (*self._toggles.values(), *self._once):
            widget.disabled = board is None
        self._title.text = _board(board)

    def _turn(self, trouble: str) -> None:
        self._hands.move("board", what=trouble, on=not self._toggles[trouble].chosen)


def _flap(drop: DropSlotView) -> str:
    flap = "the flap is open" if drop.open else "the flap is locked"
    return f"{flap}, a card stays at it" if drop.at_flap else flap


def _bin(drop: DropSlotView) -> str:
    inside = f"{drop.counted} counted in the bin"
    return inside + (f", {drop.lying} lie in it" if drop.lying != drop.counted else "")


def _board(board: BoardView | None) -> str:
    if board is None:
        return "Board: none; the cabinet is part of the station"
    if not board.firmware:
        return "Board: real firmware, not greeted yet"
    starts = f", started anew {board.starts} times" if board.starts else ""
    return f"Board: real firmware {board.firmware} on a virtual cable{starts}"
