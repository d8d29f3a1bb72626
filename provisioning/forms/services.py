"""Forms of the back office about services: other licensing models, other quotas."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from common.errors import DomainError, FieldRefused
from provisioning.models import FileSyncModel, ProtectionModel, Service
from provisioning.planning.actions import edition_words
from provisioning.planning.values import GIB, POINT, Limit
from provisioning.queries import QuotaRow

UNITS = {"bytes": (GIB, "GB"), "seconds": (POINT, "compute points")}
UNLIMITED_WORDS = ("", "-1")
NOT_HERE = "The quantity is changed with “Upgrade Quantity”, which changes what is billed along with the quotas."
WHOLE_NUMBER = "Enter a whole number, or leave it empty for unlimited (-1)."


class LicensingForm(forms.Form):
    """The licensing models a service is to have."""

    protection_model = forms.ChoiceField(
        label="Protection Licensing Model", choices=ProtectionModel.choices, widget=UnfoldAdminSelectWidget()
    )
    file_sync_model = forms.ChoiceField(
        label="File Sync & Share Licensing Model", choices=FileSyncModel.choices, widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, answer: QueryDict | None, *, service: Service) -> None:
        present = {"protection_model": service.protection_model, "file_sync_model": service.file_sync_model}
        super().__init__(answer, initial=present)
        self.present = present

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned == self.present:
            raise forms.ValidationError("These are the present licensing models. Choose another one.")
        return cleaned


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """One line of the table of quotas."""

    row: QuotaRow
    edition: str
    unit: str
    soft: BoundField
    hard: BoundField


class QuotasForm(forms.Form):
    """
    Soft and hard quotas of a service's offering items for quantity 1, in the units people know: GB for bytes, compute points for
    seconds. Empty and -1 are unlimited.

    What is billed by a subscription has the quantity that is billed: it is asked for only where none runs, or where the two differ,
    and then it can be brought back and nothing else.
    """

    quantity = forms.CharField(
        max_length=12,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="The quotas below are for quantity 1; the service gets them times the quantity. No subscription bills it now.",
        error_messages={"required": "Enter the quantity, 1 or more."},
    )

    def __init__(
        self,
        answer: QueryDict | None,
        *,
        rows: Sequence[QuotaRow],
        quantity: int,
        billed: int | None = None,
        is_moving: bool = False,
    ) -> None:
        """
        :param quantity: what the service has.
        :param billed: the quantity its subscription bills; None where none runs.
        :param is_moving: the service is being changed at the vendor, so that the two may differ for a moment.
        """
        super().__init__(answer, initial={"quantity": quantity})
        self.rows = list(rows)
        self.has, self.billed = quantity, billed
        if billed is not None and (billed == quantity or is_moving):
            del self.fields["quantity"]
        elif billed is not None:
            self.fields[
                "quantity"
            ].help_text = (
                f"Billed is {billed:,}, the service has {quantity:,}. Enter {billed:,} to bring it back to what is billed."
            )
        for row in self.rows:
            self._add(f"soft-{row.name}", f"{row.name}, soft quota", row.limit.soft, row.unit)
            self._add(f"hard-{row.name}", f"{row.name}, hard quota", row.limit.overage, row.unit)

    def _add(self, name: str, label: str, amount: int | None, unit: str) -> None:
        attrs = {"inputmode": "numeric", "autocomplete": "off", "placeholder": "unlimited", "aria-label": label}
        self.fields[name] = forms.CharField(
            label=label,
            required=False,
            max_length=20,
            initial=_written(amount, unit),
            widget=UnfoldAdminTextInputWidget(attrs=attrs),
        )

    @property
    def lines(self) -> list[QuotaLine]:
        """The table, edition by edition."""
        return [
            QuotaLine(
                row=row,
                edition=edition_words(row.edition) if row.edition else "With every licensing model",
                unit=UNITS.get(row.unit, (1, "pieces"))[1],
                soft=self[f"soft-{row.name}"],
                hard=self[f"hard-{row.name}"],
            )
            for row in sorted(self.rows, key=lambda row: (not row.edition, row.edition))
        ]

    def clean_quantity(self) -> int:
        typed = self.cleaned_data["quantity"].strip()
        if not _is_whole(typed) or int(typed) == 0:
            raise forms.ValidationError("The quantity is a whole number, 1 or more.")
        if self.billed is not None and int(typed) not in (self.has, self.billed):
            raise forms.ValidationError(f"{NOT_HERE} Here it can only be brought back to {self.billed:,}.")
        return int(typed)

    def clean(self) -> dict[str, Any]:
        """Add ``limits``: of each item whose quotas were changed, the new ones in the vendor's unit."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "quantity" not in self.fields and self.data.get("quantity", str(self.has)).strip() != str(self.has):
            self.add_error(None, NOT_HERE)  # the page was opened before a subscription billed it
        limits = {}
        for row in self.rows:
            soft = self._amount(f"soft-{row.name}", row.limit.soft, row.unit)
            hard = self._amount(f"hard-{row.name}", row.limit.overage, row.unit)
            if self.errors.keys() & {f"soft-{row.name}", f"hard-{row.name}"}:
                continue
            if soft is None and hard is not None:
                self.add_error(f"hard-{row.name}", "A hard quota needs a soft quota: unlimited soft makes hard unlimited.")
            elif (limit := Limit(soft, hard)) != row.limit:
                limits[row.name] = limit
        return {"quantity": cleaned.get("quantity"), "limits": limits}

    def refuse(self, refusal: DomainError) -> None:
        """Put a refusal of the operation beside the soft quota of its item, or where it belongs otherwise."""
        field = refusal.field if isinstance(refusal, FieldRefused) else ""
        names = (field, f"soft-{field}")
        self.add_error(next((name for name in names if name in self.fields), None), str(refusal))

    def _amount(self, name: str, present: int | None, unit: str) -> int | None:
        typed = str(self.cleaned_data.get(name, "")).strip()
        if typed == _written(present, unit):
            return present  # also one that is no whole number of GB
        if typed in UNLIMITED_WORDS:
            return None
        if not _is_whole(typed):
            self.add_error(name, WHOLE_NUMBER)
            return None
        return int(typed) * UNITS.get(unit, (1, ""))[0]


def _is_whole(typed: str) -> bool:
    return typed.isascii() and typed.isdecimal()


def _written(amount: int | None, unit: str) -> str:
    """Write a quota in the unit people know, exactly."""
    if amount is None:
        return ""
    number = Decimal(amount) / UNITS.get(unit, (1, ""))[0]
    return f"{number.normalize():f}"
