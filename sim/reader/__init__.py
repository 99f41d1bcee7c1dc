"""Twins of cards: virtual ones that obey the rules of real ones, and the virtual reader that they are put into.

`cards.VirtualCard` is the card, `slot.VirtualSlot` the reader in this process, `vpcd.plug` the way into PC/SC.
"""
