"""GPIO of the Raspberry Pi: status lamp, service door, headphones, presence and backlight.

Rules: pins are data (`wiring.toml`, or `[pins]` of station.toml); one file imports gpiozero (`board.py`); every fault is a
value of `port.PinsState`; the virtual twin is the same driver on gpiozero's mock pins.
"""
