"""What keeps an installation in order: its units, what `doctor` looks at, and what ends when."""
