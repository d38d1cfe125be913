"""A feed, CSV, JSON Lines or Google Merchant Center XML, and a folder of pictures as a source."""
