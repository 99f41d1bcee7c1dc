"""The version of the program, from its metadata."""

from importlib.metadata import version

VERSION = version("kortkiosk")
