"""What is in a data set of FashionIQ's layout, and what is wrong with it."""
