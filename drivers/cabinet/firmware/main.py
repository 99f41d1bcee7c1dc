"""Entry point of the board after power on: the cabinet's firmware."""

from drivers.cabinet.firmware import rp2040

rp2040.run()
