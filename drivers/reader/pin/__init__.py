"""PIN and PUK commands, with the floors for tries, the rules for new codes, and the durable count of tries."""
