"""PKCS#15 cards (ISO/IEC 7816-15).

`objects` turns bytes into `values` (pure), `files` reads elementary files, `card` puts the two together: the card's own
directory of codes, keys and certificates. What a product does differently is data, in `drivers.reader.profiles`.
"""
