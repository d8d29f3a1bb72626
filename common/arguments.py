"""What people write behind a command on the command line."""

from argparse import ArgumentTypeError
from datetime import date


def day(text: str) -> date:
    """
    Read a day written as YYYY-MM-DD; the `type` of an argument.

    :raises ArgumentTypeError: the text is no day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is not a day; write it as YYYY-MM-DD, for example 2026-10-03.") from None
