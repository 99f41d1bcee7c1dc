"""Headless runner of errands, `kortkiosk walk`: without a screen, answered by a file, on any reader. docs/walk.md describes
the file."""
