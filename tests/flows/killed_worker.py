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

import django


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
    django.setup()
    ends = {}
    for argument in arguments:
        what, number, n = argument.split(":")
        ends[f"{what}:{number}"] = in_child(what, int(number), killed_after=int(n))
        again = in_child(what, int(number), killed_after=None)
        if again != "finished":
            raise SystemExit(f"{what} {number}: the second worker ended by {again}.")
    print(json.dumps(ends))


def in_child(what: str, number: int, *, killed_after: int | None) -> str:
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


def work(what: str, number: int, killed_after: int | None) -> None:
    import httpx

    from ordering.operations import execution
    from provisioning import vendor
    from provisioning.operations import converging
    from tests.factories import AT
    from tests.provisioning.served import LATER

    class Killing(httpx.HTTPTransport):
        """The network; it kills this process when the chosen answer has arrived."""

        answers = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            answer.read()
            self.answers += 1
            if self.answers == killed_after:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

    vendor.transport = Killing()
    if what == "line":
        execution.execute_line(line_id=number, clock=lambda: AT)
    else:
        converging.converge(number, clock=lambda: LATER)


if __name__ == "__main__":
    main(sys.argv[1:])
