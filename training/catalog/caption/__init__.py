"""Pairs of pictures get two sentences each: what differs."""
