"""Mutation testing of the code that must not be wrong (`make mutants`)."""
