"""Alerting: rules as data, judged against what the store holds; one row for each alert; word to people by webhook and
e-mail.

`settings` reads rules, groups, maintenance windows and channels. `rules` finds, `transitions` decides what that means for the
alerts there are: both pure. `notifications` tells, `monitor` is the loop.
"""
