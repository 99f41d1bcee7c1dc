"""Deadlines and the actions that follow by themselves, each once: rules as data over orders, people and certificates.

`settings` reads the rules, `due_dates` counts days, `clock_check` says whether the clock may be believed: all pure. `job` looks
and acts, `service` shows.
"""
