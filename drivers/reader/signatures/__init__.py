"""Digital signatures by keys of the card, signature algorithm negotiation, and card authentication."""
