"""Verification of evidence files, from the file and trust anchors alone."""
