"""Publishes a model bundle into Triton's model repository."""
