"""placeholder."""


def doctor() -> None:
    """Look."""
