"""From a page to a product: what it publishes for machines, and the profile's selectors."""
