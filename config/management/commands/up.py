"""Run the whole house until Ctrl-C."""

import os
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.processes import Stack, StackError

PREFERRED_PORT = 8000
# Whoever looks at a demonstration on loopback has no authenticator app at hand. Production asks staff for the second factor.
ENV = {"STAFF_MFA_REQUIRED": os.environ.get("STAFF_MFA_REQUIRED", "false")}


class Command(BaseCommand):
    """Starts everything with demo data, prints where it is and who may sign in, and waits."""

    help = "Run web, worker, beat, the vendor sandbox and what they need, with demo data, until Ctrl-C. Data survives."
    requires_system_checks = ()  # the commands the stack runs make them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="of the web server; by default the PORT variable, or a free one")

    def handle(self, *args: Any, port: int | None, **options: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts into the background without it
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        self.stdout.write("Starting database, queue, vendor, web server, worker and beat; the first time takes half a minute.")
        self.stdout.flush()
        asks_staff = ENV["STAFF_MFA_REQUIRED"].lower() in ("true", "1", "on", "yes")
        try:
            with Stack(state=Path(settings.STATE), port=port, preferred_port=PREFERRED_PORT, env=ENV) as stack:
                self.stdout.write(stack.manage("seed_demo"))
                self.stdout.write(f"Cloudtill runs at {stack.web_url}, the vendor at {stack.sandbox_url}.")
                self.stdout.write(
                    f"Staff work in the BSS: {stack.web_url}/bss/{'' if asks_staff else ' (second factor off, for trying out)'}."
                )
                self.stdout.write(f"Logs are in {os.path.relpath(stack.state / 'log')}. Ctrl-C stops everything.")
                self.stdout.flush()
                stack.wait()
        except StackError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
