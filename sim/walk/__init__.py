"""Virtual hands of `kortkiosk walk`."""
