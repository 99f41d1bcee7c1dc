"""New tries for a code letter whose tries were used up, as two persons want it; each letter once."""
