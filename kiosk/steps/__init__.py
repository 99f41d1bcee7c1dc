"""Steps that errands share: meeting a card, proving a code, finding an order, a slot, a new code, a receipt."""
