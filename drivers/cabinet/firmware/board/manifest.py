# What is frozen into the Pico's image: the modules that MicroPython needs to start, and the cabinet's firmware.
freeze("$(PORT_DIR)/modules", ("_boot.py", "rp2.py"))
include("../manifest.py")
