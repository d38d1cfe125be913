"""What ends a training run with one sentence."""


class TrainingError(Exception):
    """Training cannot begin or go on; the message is one sentence for the person who started it."""
