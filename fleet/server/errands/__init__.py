"""Errands that people have done at stations: lists, details and exports."""
