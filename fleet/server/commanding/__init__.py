"""Commands to stations: asked for, agreed to by a second person where they touch cards, signed, published, answered."""
