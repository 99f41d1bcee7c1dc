"""Attacks by rogue parts, each a test that passes where the attack is refused.

Rules: a rogue part is a twin with real cryptography (a copied card, a lying broker, a stolen station key), never a mocked call;
the first line of a test's docstring says the attack in one sentence, as `make attacks` prints it; what is asserted is the effect
that the attacker wants (a slot opened, a card blocked, a name learnt), not the error that the code gives today.
"""
