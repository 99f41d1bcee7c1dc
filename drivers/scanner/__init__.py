"""Barcode scanners: as a keyboard wedge in the window, or grabbed from Linux so that they type nowhere else.

Rules: what is scanned is bounded and never printed or logged; what it means is for the station to say (`kiosk.barcodes`); one
file imports evdev (`inputs.py`).
"""
