"""Imports a shop's feed through the service's CatalogService: a client like any other."""
