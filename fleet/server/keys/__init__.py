"""Keys, tokens and certificates of the server: signing, hashing, expiry."""
