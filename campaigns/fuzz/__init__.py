"""Coverage-guided fuzzing of everything that reads what somebody else wrote: cards, the network, files, the printer.

`make fuzz` runs each target for its share of FUZZ_SECONDS; `seeds` holds an input or more for each, which the tests
replay (tests/fuzz). What a run finds is left in build/fuzz and belongs, once mended, into `seeds`.
"""
