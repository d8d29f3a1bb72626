"""What stops us from hammering a vendor that is down: after some calls in vain, one probe now and then."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from provisioning.acronis.errors import AcronisError, CircuitOpen, MalformedAnswer, NotSent, StatusError, TransportFailed

logger = logging.getLogger("provisioning.acronis")

# Answers of a gateway in front of the vendor: nobody is behind it.
DOWN = frozenset({502, 503, 504})

# Seconds after which to ask again while somebody else's probe is under way.
PROBE_TAKES = 5.0


class State(Enum):
    """Closed: calls go through. Open: none does. Probing: one does, and its outcome decides."""

    CLOSED = 0
    PROBING = 1
    OPEN = 2


class Circuit:
    """
    Opens after ``threshold`` calls in a row that found the vendor down, each after its own repetitions; closes with the
    first real answer, a refusal included. Threads and clients of one vendor share it.

    Open, it refuses calls at once for ``pause`` seconds; then it lets one probe through. A probe in vain opens it again
    for twice as long, ``longest_pause`` at most.

    :param threshold: calls in vain that open it.
    :param pause: seconds it stays open the first time.
    :param longest_pause: seconds it stays open at most.
    :param clock: seconds that never go back.
    :param on_change: told of every new state, while no other thread can change it; must not block.
    """

    def __init__(
        self,
        *,
        threshold: int = 5,
        pause: float = 30.0,
        longest_pause: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] | None = None,
    ) -> None:
        self._threshold = threshold
        self._first_pause = pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._in_vain = 0
        self._pause = pause
        self._reopens_at = 0.0
        self._last = ""

    @property
    def state(self) -> State:
        """How it stands; an open one whose pause is over stays open until somebody calls."""
        return self._state

    @contextmanager
    def call(self, method: str, path: str) -> Iterator[None]:
        """
        Make one call, repetitions included, inside the block; what it raises is what the circuit learns from.

        :raises CircuitOpen: the call must not be made now.
        """
        is_probe = self._admit(method, path)
        try:
            yield
        except AcronisError as error:
            if isinstance(error, NotSent):
                self._learned_nothing(is_probe=is_probe)
            elif found_down(error):
                self._found_down(error, is_probe=is_probe)
            else:
                self._answered()
            raise
        except BaseException:
            self._learned_nothing(is_probe=is_probe)
            raise
        self._answered()

    def _admit(self, method: str, path: str) -> bool:
        """Return whether the call is the probe."""
        with self._lock:
            if self._state is State.CLOSED:
                return False
            left = self._reopens_at - self._clock() if self._state is State.OPEN else PROBE_TAKES
            if left > 0:
                raise CircuitOpen.because_down(method, path, last=self._last, seconds=left)
            self._become(State.PROBING)
            return True

    def _answered(self) -> None:
        with self._lock:
            self._in_vain = 0
            self._pause = self._first_pause
            if self._state is not State.CLOSED:
                logger.info("Acronis answers again.")
                self._become(State.CLOSED)

    def _found_down(self, error: AcronisError, *, is_probe: bool) -> None:
        with self._lock:
            self._last = what_was_found(error)
            self._in_vain += 1
            if is_probe:
                self._pause = min(self._pause * 2, self._longest_pause)
            elif self._state is not State.CLOSED or self._in_vain < self._threshold:
                return  # not yet; or one that began before it opened
            logger.warning("Acronis does not answer: %d calls in vain, none for %.0f s.", self._in_vain, self._pause)
            self._reopens_at = self._clock() + self._pause
            self._become(State.OPEN)

    def _learned_nothing(self, *, is_probe: bool) -> None:
        """A probe that was never sent gives way to the next call."""
        with self._lock:
            if is_probe and self._state is State.PROBING:
                self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        if self._on_change is not None:
            self._on_change(state)


def found_down(error: AcronisError) -> bool:
    """Whether the error says that nobody is there, rather than that somebody refuses."""
    if isinstance(error, MalformedAnswer):
        return error.is_unreadable
    if isinstance(error, StatusError):
        return error.status in DOWN
    return isinstance(error, TransportFailed)


def what_was_found(error: AcronisError) -> str:
    """Say in a few words how the vendor was found down."""
    if isinstance(error, StatusError):
        return f"status {error.status}"
    return "an unreadable answer" if isinstance(error, MalformedAnswer) else "no answer"
