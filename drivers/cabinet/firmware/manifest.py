"""Manifest of the board's image: our modules and those of micropython-lib. Run by MicroPython's tools."""

require("hmac")
package(
    "drivers",
    (
        "__init__.py", "cabinet/__init__.py", "cabinet/drop_rule.py", "cabinet/framing.py", "cabinet/messages.py",
        "cabinet/protocol.py", "cabinet/firmware/__init__.py", "cabinet/firmware/clock.py",
        "cabinet/firmware/coil.py", "cabinet/firmware/coil_power.py", "cabinet/firmware/commands.py",
        "cabinet/firmware/counters.py", "cabinet/firmware/drop_slot.py", "cabinet/firmware/events.py",
        "cabinet/firmware/expander.py", "cabinet/firmware/firmware.py", "cabinet/firmware/inputs.py",
        "cabinet/firmware/link.py", "cabinet/firmware/parts.py", "cabinet/firmware/ports.py",
        "cabinet/firmware/rows.py", "cabinet/firmware/rewiring.py", "cabinet/firmware/rp2040.py",
        "cabinet/firmware/signals.py", "cabinet/firmware/slots.py", "cabinet/firmware/wiring.py",
    ),
    base_path="../../..",
)  # fmt: skip
module("main.py")
