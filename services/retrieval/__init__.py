"""Composed retrieval: domain types, ports, preprocessing and the adapters behind the ports."""
