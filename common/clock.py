"""
The clock. Views, tasks and commands read it once and pass the moment on; operations and rules never read it.

A demonstration has to live through a month in a minute. Where the setting CLOCK_FILE names a file, the seconds written in it are
added to the real time. Production leaves the setting empty and then nothing is read.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return timezone.now() + _offset()


def today(time_zone: str) -> date:
    """Return the present date where ``time_zone`` (an IANA name) is kept."""
    return now().astimezone(ZoneInfo(time_zone)).date()


def move_to(moment: datetime) -> None:
    """
    Set the demonstration's clock so that `now()` answers ``moment`` and goes on from there.

    :raises RuntimeError: this installation runs on real time (CLOCK_FILE is empty).
    """
    if not settings.CLOCK_FILE:
        raise RuntimeError("The clock cannot be moved: CLOCK_FILE is not set.")
    path = Path(settings.CLOCK_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(str((moment - timezone.now()).total_seconds()))
    scratch.replace(path)  # readers see the old or the new offset, never half of one


def _offset() -> timedelta:
    if not settings.CLOCK_FILE:
        return timedelta(0)
    try:
        return timedelta(seconds=float(Path(settings.CLOCK_FILE).read_text()))
    except FileNotFoundError:
        return timedelta(0)
