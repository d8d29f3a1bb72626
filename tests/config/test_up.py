"""How `manage.py up` takes the wish to stop."""

import signal
from typing import NoReturn

import pytest
from django.core.management import CommandError, call_command

from config.management.commands import up
from config.processes import StackError


def test_ctrl_c_also_stops_what_a_shell_has_started_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, signal.SIG_IGN) for kind in kinds}

    def refuse(**_: object) -> NoReturn:
        raise StackError("There is no room.")

    monkeypatch.setattr(up, "Stack", refuse)

    try:
        with pytest.raises(CommandError, match=r"There is no room\."):
            call_command("up")
        assert {signal.getsignal(kind) for kind in kinds} == {signal.default_int_handler}
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
