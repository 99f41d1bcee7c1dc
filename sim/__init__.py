"""Virtual devices, simulators, demo and bench: the wheel `kortkiosk-sim`. No production module imports it."""
