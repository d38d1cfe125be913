"""Drawn garments: the demo catalog, and what the demo model learns from."""
