"""Evaluation: from weights or a running service to recall, tables, curves and a page."""
