"""Station events in the database: the chains that they form, and how they are inserted and found."""
