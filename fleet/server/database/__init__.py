"""Database access: SQLite or PostgreSQL, bulk writes, LISTEN/NOTIFY, and the migrations."""
