"""From a shop's pages or feed to a data set in FashionIQ's format: crawl, caption, structure."""
