"""Identity: the holder's card, an administrator who attends, a release code, a proof of possession."""
