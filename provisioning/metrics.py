"""
What is counted about the vendor, for Prometheus; `config.metrics` shows it.

Labels have few values: the service manager's name, the method, the kind of thing asked for, the outcome. Never an id, a login or
anything of a customer's.
"""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from provisioning.acronis.circuit import State
from provisioning.acronis.connection import CallRecord

CALLS = Counter(
    "cloudtill_vendor_calls",
    "Calls to the vendor, repetitions and tokens included. Status: of HTTP; or why no answer came; or why it was not sent.",
    ["service_manager", "method", "resource", "status"],
)
SECONDS = Histogram(
    "cloudtill_vendor_call_seconds",
    "Seconds until the vendor's answer began, or did not come.",
    ["service_manager", "method", "resource"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
CIRCUIT = Gauge(
    "cloudtill_vendor_circuit",
    "Whether the vendor is left alone: 0 no, 1 one call probes it, 2 yes. The worst of all processes; by pages or by other work.",
    ["service_manager", "calls_of"],
    multiprocess_mode="livemax",
)
WAITING = Histogram(
    "cloudtill_vendor_slot_wait_seconds",
    "Seconds a call waited because others were under way.",
    ["service_manager"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0),
)

ID = "{id}"

# The fixed parts of the vendor's paths. Everything else in a path is an id, or came from somebody's keyboard.
FIXED_PARTS = frozenset(
    {
        *("access_policies", "accounts", "applications", "available_for_child", "bindings", "check_login", "children", "clients"),
        *("edition", "idp", "infra", "locations", "me", "mfa", "offering_items", "ott", "password", "pricing", "reports"),
        *("restore", "search", "send-activation-email", "status", "stored", "tenants", "token", "usages", "users"),
    }
)


def resource_of(path: str) -> str:
    """Return the path with every id replaced: `/tenants/{id}/pricing`."""
    return "/".join(part if part in FIXED_PARTS or not part else ID for part in path.split("/"))


def call_counter(service_manager: str) -> Callable[[CallRecord], None]:
    """Return what counts the calls of one service manager."""

    def count(record: CallRecord) -> None:
        resource = resource_of(record.path)
        CALLS.labels(service_manager, record.method, resource, str(record.status or record.failure)).inc()
        if record.was_sent:
            SECONDS.labels(service_manager, record.method, resource).observe(record.milliseconds / 1000)

    return count


def circuit_gauge(service_manager: str, *, people_wait: bool) -> Callable[[State], None]:
    """Return what keeps the state of one service manager's circuit, of pages that people look at or of other work."""
    gauge = CIRCUIT.labels(service_manager, "pages" if people_wait else "work")
    gauge.set(State.CLOSED.value)
    return lambda state: gauge.set(state.value)


def wait_histogram(service_manager: str) -> Callable[[float], None]:
    """Return what keeps the seconds that calls of one service manager waited for a slot."""
    return WAITING.labels(service_manager).observe
