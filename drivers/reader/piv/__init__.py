"""PIV cards (SP 800-73-4).

`objects` turns bytes into values (pure), `commands` are the APDUs as data, `card` reads objects, `session` puts them
together with codes and keys; `management` makes keys and writes certificates. What a product does differently is data,
in `drivers.reader.profiles`.
"""
