"""Clipping check: whether all that a body says is to be seen, once it is placed."""

from collections.abc import Iterator

from kivy.uix.widget import Widget

from kiosk.screens.layout import Flow, Group
from kiosk.screens.text import Icon, Text

SLACK = 2
"""Pixels that rounding may take."""


def is_unclipped(flow: Flow, *, may_leave_out: bool = False) -> bool:
    """Nothing is cut or hangs out of what is around it. Words that were left out count unless they may be."""
    return not any(
        _is_cut(each) or (each is not flow and _hangs_out(each)) or (not may_leave_out and _leaves_out(each))
        for each in _walk(flow)
    )


def _walk(flow: Widget) -> Iterator[Flow]:
    if isinstance(flow, Flow):
        yield flow
    for child in flow.children:
        yield from _walk(child)


def _is_cut(flow: Flow) -> bool:
    too_low = flow.height < flow.mm(flow.least_mm) - SLACK
    return too_low or (isinstance(flow, Text) and not isinstance(flow, Icon) and flow.is_cut())


def _leaves_out(flow: Flow) -> bool:
    return isinstance(flow, Group) and any(_says(item) for item in flow.items if item.parent is None)


def _hangs_out(flow: Flow) -> bool:
    around = flow.parent
    if not flow.height:
        return False
    return isinstance(around, Flow) and (flow.y < around.y - SLACK or flow.top > around.top + SLACK)


def _says(item: Flow) -> bool:
    return item.needed and any(isinstance(each, Text) and not isinstance(each, Icon) for each in _walk(item))
