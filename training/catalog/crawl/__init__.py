"""From a shop's pages to products and pictures, on Scrapy."""
