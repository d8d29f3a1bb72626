"""
`python -m benchmarks [PREFIX]`: measure how fast the house is.

Prints one JSON line per measurement whose name begins with PREFIX and appends it to `bench.jsonl` in the state folder. Works in a
database of its own, made for the occasion and dropped at the end.
"""

import importlib
import inspect
import json
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TextIO

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")  # a line per invoice would measure the log


def main(prefix: str) -> int:
    """Run what is asked for; return 0, or 1 where a benchmark failed. One that fails does not keep the others from running."""
    django.setup()
    from django.conf import settings

    failed = False
    with _database_of_its_own(), (Path(settings.STATE) / "bench.jsonl").open("a") as kept:
        for module in _modules(prefix):
            try:
                _measure(module, prefix, kept)
            except Exception:
                traceback.print_exc()
                failed = True
    return int(failed)


def _measure(module: ModuleType, prefix: str, kept: TextIO) -> None:
    for measurement in module.run():
        if str(measurement["name"]).startswith(prefix):
            line = json.dumps({**measurement, "at": datetime.now(UTC).isoformat(timespec="seconds")})
            print(line, flush=True)
            print(line, file=kept, flush=True)


def _modules(prefix: str) -> Iterator[ModuleType]:
    """Give the modules beside this one that measure something whose name begins with ``prefix``."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if found.name.startswith("_"):
            continue
        module = importlib.import_module(f"benchmarks.{found.name}")
        if any(name.startswith(prefix) or prefix.startswith(name) for name in _names(module)):
            yield module


def _names(module: ModuleType) -> tuple[str, ...]:
    """Return what ``module`` measures: its ``MEASURES``, else the names its source gives (of an f-string what stands before {)."""
    declared: tuple[str, ...] = getattr(module, "MEASURES", ())
    return declared or tuple(re.findall(r"""["']name["']: f?["']([^"'{]+)""", inspect.getsource(module))) or ("",)


@contextmanager
def _database_of_its_own() -> Iterator[None]:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
