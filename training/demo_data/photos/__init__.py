"""Real photos of a folder: colors measured, questions about them, and their part of the data."""
