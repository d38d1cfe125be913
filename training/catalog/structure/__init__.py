"""From products and captions to a data set in FashionIQ's layout whose splits do not leak."""
