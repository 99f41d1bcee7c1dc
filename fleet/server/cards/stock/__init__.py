"""Stock of cards in slots and bins: events, projections, queries and pages."""
