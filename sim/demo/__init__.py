"""The demo: a fleet of one station on made-up cards and orders, with its bench, on one machine.

Everything lies in one folder (`demo-data`), which may be deleted at any time. All of it is made up, and the real
programs run: the authority, the broker, the fleet server, the station; only cards, printer and cabinet are virtual.
"""
