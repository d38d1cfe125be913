"""Crawl, caption and structure in a row."""
