"""Who may see and do what: people, sessions, tokens, and the record of what they did."""
