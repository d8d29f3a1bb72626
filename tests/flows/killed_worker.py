"""
A worker that is killed by SIGKILL right after the vendor's n-th answer arrived and before anything was made of it.

Run as `python -m tests.flows.killed_worker LINE:N …`; for each order line a child process executes it and is killed after answer N,
then another one executes it to its end. N may be larger than the number of calls: then the first child simply finishes. Prints one
JSON object: line → how its first worker ended (“killed” or “finished”).
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
        line, n = map(int, argument.split(":"))
        ends[line] = in_child(line, killed_after=n)
        again = in_child(line, killed_after=None)
        if again != "finished":
            raise SystemExit(f"Line {line}: the second worker ended by {again}.")
    print(json.dumps(ends))


def in_child(line: int, *, killed_after: int | None) -> str:
    """Execute the line in a process of its own and say how that process ended."""
    if (child := os.fork()) == 0:
        try:
            execute(line, killed_after)
        except BaseException as error:
            print(f"Line {line}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "finished" if os.WEXITSTATUS(status) == 0 else f"exit code {os.WEXITSTATUS(status)}"


def execute(line: int, killed_after: int | None) -> None:
    import httpx

    from ordering.operations import execution
    from provisioning import vendor
    from tests.factories import AT

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
    execution.execute_line(line_id=line, clock=lambda: AT)


if __name__ == "__main__":
    main(sys.argv[1:])
