"""Colours: what a shop's words for them mean, and what a picture shows."""
