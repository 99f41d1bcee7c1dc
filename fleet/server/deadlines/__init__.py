"""Deadlines and the actions that follow by themselves, each once: rules as data over orders, people and certificates.

`settings` reads the rules, `due_dates` counts days: both pure. `job` looks and acts, while the clock may be believed
(`fleet.server.clock.clock_check`), `service` shows.
"""
