"""Checkpoints of the event chains: signature checks, countersignatures and RFC 3161 time stamps."""
