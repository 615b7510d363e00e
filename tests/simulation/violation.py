"""What the judges of a history raise."""


class Violation(AssertionError):
    """A promise was broken; the text says which and where."""
