"""What people write behind a command on the command line."""

from argparse import ArgumentTypeError
from datetime import date


def day(text: str) -> date:
    """
    Read a day written as YYYY-MM-DD; the `type` of an argument.

    :raises ArgumentTypeError: the text is no day.
    """
    try:
        found = date.fromisoformat(text)
        if not 2000 <= found.year < 3000:  # as months are read: terms of payment are added to it
            raise ValueError(text)
        return found
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is not a day; write it as YYYY-MM-DD, for example 2026-10-03.") from None
