"""Simulated issuer: a real certificate authority over made-up people, behind EST, OCSP, CRL and REST.

It says that it is a simulator on every page and in every answer (`X-Simulator`). Cards, people and PUKs in it are made up.
"""

BANNER = "kortkiosk issuer simulator: nothing here is real"
HEADER = "X-Simulator"
