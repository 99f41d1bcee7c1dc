"""`kortkiosk walk`: an errand without a screen, answered by a file, on any reader. docs/walk.md describes the file."""
