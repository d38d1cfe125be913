"""The second stage as a lesson of the trainer: recipe, flags, loss and validation."""
