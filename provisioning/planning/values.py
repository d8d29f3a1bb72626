"""What is wished for and what is there, as plain values that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

PRODUCTION = "production"

GIB = 1024**3
POINT = 3600  # seconds; the vendor meters compute points by the second


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """
    An offering item as the vendor keys it: application, name, and storage where the item is tied to one.

    The other facts come along for rules and words: ``unit`` (bytes, quantity, seconds or n/a), ``edition`` (empty: belongs to
    none), ``application_type`` (backup, files_cloud…) and ``usage_name`` (the name without the prefix of its edition).
    """

    application_id: str
    name: str
    infra_id: str = ""
    unit: str = field(default="quantity", compare=False)
    edition: str = field(default="", compare=False)
    application_type: str = field(default="", compare=False)
    usage_name: str = field(default="", compare=False)

    @property
    def storage_type(self) -> str:
        """Which type of storage the item lies on: a customer has one of each type (vendor guide, offering items)."""
        if self.application_type == "files_cloud":
            return "files_cloud"
        is_recovery = self.usage_name.startswith("dr_") or self.usage_name == "compute_points"
        return "disaster_recovery" if is_recovery else "backup"


@dataclass(frozen=True, slots=True)
class Limit:
    """
    The quotas of an item in its unit: ``soft`` (None: unlimited), and what may be used above it before use is blocked
    (``overage``, None: never blocked). Unlimited soft makes hard unlimited (seed text, 004).
    """

    soft: int | None = None
    overage: int | None = None

    def times(self, quantity: int) -> "Limit":
        """Return the limit of ``quantity`` pieces: 50 GB × 2 is 100 GB."""
        return Limit(*(None if part is None else part * quantity for part in (self.soft, self.overage)))

    def words(self, unit: str) -> str:
        """Say the limit, as “soft quota 10” or “soft quota 50 GB, hard at 60 GB”."""
        if self.soft is None:
            return "no quota"
        words = f"soft quota {amount_words(self.soft, unit)}"
        return words if self.overage is None else f"{words}, hard at {amount_words(self.soft + self.overage, unit)}"


UNLIMITED = Limit()


@dataclass(frozen=True, slots=True)
class UserWish:
    """
    A person's account on the tenant. ``vendor_id`` is empty until the vendor has made it.

    ``mail_is_due``: nobody has asked for the activation mail yet. ``password_is_due``: a password waits to be sent.
    ``email_is_due``: the vendor has not been asked for this address yet; of an activated user it waits for the person's consent,
    so it is asked for once.
    """

    login: str
    email: str
    role: str
    vendor_id: str = ""
    mail_is_due: bool = True
    password_is_due: bool = False
    email_is_due: bool = False


@dataclass(frozen=True, slots=True)
class TenantWish:
    """
    What should be at the vendor for one organization. ``other_names`` are as good as ``name``, which may be taken there.

    In ``contact`` only what is given counts: what we do not know is left as people typed it in the vendor's portal.
    """

    name: str
    kind: str
    items: Mapping[Item, Limit] = field(default_factory=dict)
    users: tuple[UserWish, ...] = ()
    pricing_mode: str = PRODUCTION
    enabled: bool = True
    other_names: tuple[str, ...] = ()
    language: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class ObservedUser:
    """A user of the tenant as the vendor has it; ``roles`` are those on this tenant."""

    id: str
    login: str
    is_activated: bool
    roles: frozenset[str]
    email: str = ""


@dataclass(frozen=True, slots=True)
class ObservedTenant:
    """What is at the vendor: the items that are on, with their quotas and the versions a change of quota must send back."""

    id: str
    is_enabled: bool
    pricing_mode: str
    items: Mapping[Item, Limit] = field(default_factory=dict)
    users: tuple[ObservedUser, ...] = ()
    name: str = ""
    language: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)
    quota_versions: Mapping[Item, int] = field(default_factory=dict)

    def user(self, wish: UserWish) -> ObservedUser | None:
        """Return the tenant's user that is meant: by id, else by login, which the vendor compares without regard to case."""
        if wish.vendor_id:
            return next((user for user in self.users if user.id == wish.vendor_id), None)
        return next((user for user in self.users if user.login.casefold() == wish.login.casefold()), None)


def amount_words(amount: int, unit: str) -> str:
    """Say an amount in the unit people know: gigabytes for bytes, compute points for seconds, else the number."""
    size, word = {"bytes": (GIB, "GB"), "seconds": (POINT, "compute points")}.get(unit, (1, ""))
    number = Decimal(amount) / size
    whole = number == number.to_integral_value()
    return f"{number:.0f} {word}".strip() if whole else f"{number:.2f} {word}"
