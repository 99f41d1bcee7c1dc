"""USB keypads for codes, grabbed from Linux by vendor and product: they type here alone, and nothing else types.

Rules: a keypad is on a list of the station's configuration; what it types goes to the question that is up and is never printed
or logged. It shares the input devices with the scanner (`drivers.scanner.evdev_inputs`, the one file that imports evdev).
"""
