"""
`make demo`: start everything anew, tell the story, write what came of it, stop everything.

Leaves `var/demo/summary.json`, the invoice PDF beside it, and the state of the last run. Ends with 1 and a sentence if a
step fails.
"""

import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.demo.story import Story, last_month, set_clock
from config.demo.visitor import StoryFailed
from config.processes import ROOT, Stack, StackError


def main() -> int:
    folder = Path(os.environ.get("CLOUDTILL_STATE") or ROOT / "var" / "demo").resolve()
    state = _fresh_state(folder)
    begin, end = last_month(datetime.now(UTC).date())
    clock = state / "clock"
    set_clock(clock, begin)
    started = time.monotonic()
    print(f"Starting database, broker, vendor sandbox, web server and worker in {os.path.relpath(state)} …", flush=True)
    try:
        # The second factor is on here, as in production; the story signs staff in with it.
        env = {"CLOCK_FILE": str(clock), "STAFF_MFA_REQUIRED": "true", "SANDBOX_NOW": begin.isoformat()}
        with Stack(state=state, env=env) as stack:
            ready = time.monotonic() - started
            summary = Story(stack, folder=folder, begin=begin, end=end).tell()
    except (StackError, StoryFailed) as error:
        print(f"\nThe demonstration stopped: {error}\nLogs are in {os.path.relpath(state / 'log')}.", file=sys.stderr)
        return 1
    summary["seconds"] = round(time.monotonic() - started, 1)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False), encoding="utf-8")
    _print(summary, ready, folder)
    return 0


def _fresh_state(folder: Path) -> Path:
    """Return a new state folder; what earlier demonstrations left is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("state-*"):
        shutil.rmtree(old, ignore_errors=True)
    for old in (*folder.glob("*.pdf"), *folder.glob("*.json"), *folder.glob("*.xlsx")):
        old.unlink()
    state = folder / f"state-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    state.mkdir()
    return state


def _print(summary: dict[str, Any], ready: float, folder: Path) -> None:
    chapters = [{"title": "Everything is started", "outcome": "", "seconds": ready}, *summary["chapters"]]
    width = max(len(chapter["title"]) for chapter in chapters)
    print()
    for chapter in chapters:
        print(f"{chapter['seconds']:7.2f} s  {chapter['title']:<{width}}  {chapter['outcome']}")
    print(f"\nInvoices for {summary['period']}:")
    for order in summary["orders"]:
        for invoice in order["invoices"]:
            who = f"{invoice['seller']} → {invoice['buyer']}"
            print(f"  {invoice['number']:<18} {who:<45} {invoice['gross']:>12} {invoice['currency']}  ({order['consumer']})")
    print(
        f"\nWritten: {os.path.relpath(folder / 'summary.json')} and {os.path.relpath(summary['pdf'])}. Took {summary['seconds']} s."
    )


if __name__ == "__main__":
    sys.exit(main())
