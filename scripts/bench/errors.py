"""What can go wrong in a bench."""


class BenchFailed(Exception):
    """There is no figure; the message says why."""
