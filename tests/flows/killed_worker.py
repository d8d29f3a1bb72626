"""
A worker that is killed by SIGKILL right after the vendor's n-th answer arrived and before anything was made of it.

Run as `python -m tests.flows.killed_worker WHAT:ID:N …`, where WHAT is “line” or “tenant”; for each order line a child process
executes it, each tenant it converges, and is killed after answer N, then another one does it to its end. N may be larger than the
number of calls: then the first child simply finishes. Prints one JSON object: “WHAT:ID” → how its first worker ended (“killed” or
“finished”).
"""

import json
import os
import signal
import sys
from collections.abc import Callable

import django

Work = Callable[[str, int, int | None], None]


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
    django.setup()
    work = work_to_do()
    ends = {}
    for argument in arguments:
        what, number, n = argument.split(":")
        ends[f"{what}:{number}"] = in_child(work, what, int(number), killed_after=int(n))
        again = in_child(work, what, int(number), killed_after=None)
        if again != "finished":
            raise SystemExit(f"{what} {number}: the second worker ended by {again}.")
    print(json.dumps(ends))


def in_child(work: Work, what: str, number: int, *, killed_after: int | None) -> str:
    """Do the work in a process of its own and say how that process ended."""
    if (child := os.fork()) == 0:
        try:
            work(what, number, killed_after)
        except BaseException as error:
            print(f"{what} {number}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "finished" if os.WEXITSTATUS(status) == 0 else f"exit code {os.WEXITSTATUS(status)}"


def work_to_do() -> Work:
    """Import what the children need, once and before they are forked, and return what each of them does."""
    import httpcore  # noqa: F401 - httpx would import it in every child
    import httpx
    from django.urls import get_resolver

    from ordering.operations import execution
    from provisioning import vendor
    from provisioning.operations import converging
    from tests.factories import AT
    from tests.provisioning.served import LATER

    assert get_resolver().url_patterns  # mails name addresses

    class Killing(httpx.HTTPTransport):
        """The network; it kills this process when the chosen answer has arrived."""

        def __init__(self, killed_after: int | None) -> None:
            super().__init__()
            self.killed_after = killed_after
            self.answers = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            answer.read()
            self.answers += 1
            if self.answers == self.killed_after:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

    def work(what: str, number: int, killed_after: int | None) -> None:
        vendor.transport = Killing(killed_after)
        if what == "line":
            execution.execute_line(line_id=number, clock=lambda: AT)
        else:
            converging.converge(number, clock=lambda: LATER)

    return work


if __name__ == "__main__":
    main(sys.argv[1:])
