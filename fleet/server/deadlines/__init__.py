"""What happens by itself, and when: rules as data, judged against orders, people and certificates; each deed once.

`settings` reads the rules, `due_dates` counts days, `clock_check` says whether the clock may be believed: all pure. `job` looks
and acts, `service` shows.
"""
