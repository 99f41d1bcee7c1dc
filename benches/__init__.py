"""Measurements: how soon, how many, how much. Each stands beside something that was measured in the same run.

Rules: nothing here passes or fails on a time, since machines differ; a ratio to a floor or to another program says more
than a figure. All cards and readers are virtual. docs/benchmarks.md explains each figure.

    $ python -m benches card journal --json figures.json
"""
