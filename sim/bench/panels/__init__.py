"""Panels and widgets of the bench window. Looks are in `looks.kv`, behaviour in Python; sizes are pixels.

Panels are built once and then only changed, so that a touch is never lost to a redraw. A panel is shown a `BenchView` and what
is `Chosen`, and asks for moves through `Hands`; none of them knows the socket.
"""
