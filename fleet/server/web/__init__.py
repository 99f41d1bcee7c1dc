"""The web side of the fleet server: pages for people, an API for programs, and a feed that keeps pages up to date."""
