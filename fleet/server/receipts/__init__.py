"""Receipts for whoever holds one: a page that checks what its QR code says, with nothing of it sent here."""
