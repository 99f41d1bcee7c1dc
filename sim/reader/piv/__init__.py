"""Virtual PIV cards (SP 800-73-4): an applet (kind C) and a token with its maker's extensions (kind D)."""
