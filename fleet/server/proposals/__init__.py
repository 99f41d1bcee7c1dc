"""Proposals: whatever makes somebody or something believed is proposed by one person and confirmed by another."""
