"""Asks a window to close as a window manager does: WM_DELETE_WINDOW (ICCCM section 4.2.8.1), through Xlib.

python -m tests.fakes.screens.closing WINDOW TIMES
"""

import ctypes
import ctypes.util
import sys

CLIENT_MESSAGE = 33


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib.h, with `data` as five longs."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 16),
    ]


def ask(window: int, times: int) -> None:
    """Of the display that DISPLAY names. Raises OSError where there is none."""
    xlib = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(xlib.XOpenDisplay(None))
    if not display:
        raise OSError("there is no display")
    protocols, delete = (xlib.XInternAtom(display, name, False) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    for _ in range(times):
        event = ClientMessage(CLIENT_MESSAGE, 0, True, None, window, protocols, 32)
        event.data[0] = delete
        xlib.XSendEvent(display, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(event))
    xlib.XSync(display, False)
    xlib.XCloseDisplay(display)


if __name__ == "__main__":
    ask(int(sys.argv[1]), int(sys.argv[2]))
