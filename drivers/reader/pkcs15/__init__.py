"""Finding one's way on an ISO/IEC 7816-15 (PKCS#15) card.

`objects` turns bytes into `values` (pure), `files` reads elementary files, `card` puts the two together: the card's own
directory of codes, keys and certificates. What a product does differently is data, in `drivers.reader.profiles`.
"""
