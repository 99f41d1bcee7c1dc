"""Asks of stations before they are answered: whose they are, how many there may be, in which order they are served."""
