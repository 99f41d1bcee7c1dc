"""One module for each errand, see `tests.fakes.errands`."""
