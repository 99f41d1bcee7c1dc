"""Worklist "Att göra": whatever waits for an administrator, a row each, shortest time first.

Rows follow from stored facts alone (`queries`); what people do about them are acts, each told to the audit. `service` joins both,
`mail` tells them each morning.
"""
