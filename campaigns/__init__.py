"""Slow searches for faults, each with a target of its own in the Makefile; `make test` runs a slice of each.

`faults`: every single fault at every point, and pairs of them, judged by one oracle. `visits`: what visitors leave with, by kind
of issuer. `fuzz`: every parser, guided by coverage. `mutants` and `removals`: whether the tests notice what is broken.
"""
