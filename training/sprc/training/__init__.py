"""Training as `sprc.train` runs it: recipe, batches, features, the loop, and what it leaves."""
