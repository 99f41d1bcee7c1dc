"""GPIO of the Raspberry Pi: status lamp, service door, headphones, presence and backlight.

Rules: pins are data (`wiring.toml`, or `[pins]` of station.toml); two files import gpiozero, the board and the pin factory on
gpiod; every fault is a value of `port.PinsState`; the virtual twin is the same driver on gpiozero's mock pins.
"""
