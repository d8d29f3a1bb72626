"""The module setting “Acronis” of a plan as a form: what is typed, made into values, with every rule's sentence at its field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babel.numbers import list_currencies
from django import forms
from django.forms import BoundField
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from catalog import module_rules as rules
from catalog.models import ModuleSettings, Plan
from catalog.operations.module_settings import NewSettings, values_of
from catalog.queries.module_setting import INDEPENDENT
from common.errors import DomainError, FieldRefused
from provisioning.models import FileSyncModel, ProtectionModel, ServiceManager

COMMON = "backup"  # the application whose items are those of all editions of Protection
COSTLY_USAGES = ("pack_", "dr_", "compute_points")  # advanced packs and disaster recovery: Acronis charges them extra
YES_NO = [("no", "NO"), ("yes", "YES")]


class WholeNumberField(forms.CharField):
    """A whole number as text, so that “1.5” and “1e3” get a sentence; None where nothing is typed."""

    def __init__(self, **options: Any) -> None:
        attrs = {"inputmode": "numeric", "autocomplete": "off", **options.pop("attrs", {})}
        super().__init__(required=False, max_length=40, widget=UnfoldAdminTextInputWidget(attrs=attrs), **options)

    def clean(self, value: Any) -> int | None:
        try:
            return rules.whole_number(str(super().clean(value)))
        except rules.NotWhole as refusal:
            raise forms.ValidationError(str(refusal)) from None


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One line of a table of offering items."""

    item: rules.Offered
    unit: str
    on: BoundField
    soft: BoundField | None
    hard: BoundField | None

    @property
    def errors(self) -> list[str]:
        return [str(error) for error in self.on.errors]


class ModuleSettingForm(forms.Form):
    """
    What a new tenant of a plan gets. The choices are those of ``manager``; without one there is only the service manager to choose.

    :param editions: application type → the vendor's edition that is chosen, whose items are shown.
    """

    service_manager = forms.TypedChoiceField(
        label="Service manager", coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget()
    )
    is_free_trial = forms.ChoiceField(
        label="Free Trial",
        choices=YES_NO,
        widget=UnfoldAdminSelectWidget(),
        help_text="YES: nothing is billed, and Acronis counts the tenant as a trial.",
    )
    trial_days = WholeNumberField(label="Days of the free trial", help_text="Counts where Free Trial is YES.")

    def __init__(
        self,
        answer: Mapping[str, Any] | None,
        *,
        plan: Plan,
        managers: list[ServiceManager],
        manager: ServiceManager | None,
        offering: rules.Offering,
        editions: Mapping[str, str],
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(answer, initial=dict(initial))
        self.plan, self.manager, self.offering, self.editions = plan, manager, offering, editions
        choose = self.fields["service_manager"]
        choose.choices = [("", "Choose…"), *((row.pk, _manager_words(row)) for row in managers)]  # type: ignore[attr-defined]
        choose.error_messages |= {
            "required": "Choose the service manager.",
            "invalid_choice": "Choose a service manager of the list.",
        }
        self.lines: list[rules.Offered] = []
        if manager is None:
            return
        self._add_location()
        if plan.is_fixed:
            self._add_quota()
            self._add_editions()
            self._add_items()

    # --- Fields ----------------------------------------------------------------------------------------------------------

    def _add_location(self) -> None:
        kept = self.initial.get("backup_storage")
        places = [place for place in self.offering.locations.values() if place.is_offered or place.id == kept]
        self.fields["backup_storage"] = forms.TypedChoiceField(
            label="Backup Location",
            required=False,
            coerce=int,
            empty_value=None,
            choices=[
                ("", f"The default of the service manager{self._default_words()}"),
                *((p.id, _place_words(p)) for p in places),
            ],
            widget=UnfoldAdminSelectWidget(),
            help_text="Where backups of new tenants lie.",
            error_messages={"invalid_choice": "The service manager has no such backup location. Choose one of the list."},
        )

    def _default_words(self) -> str:
        place = self.offering.locations.get(self.offering.default_location or 0)
        return f" ({place.name})" if place else " (the first by name)"

    def _add_quota(self) -> None:
        self.fields["storage_quota"] = WholeNumberField(
            label="Storage Quota (GB)", help_text="Soft quota of the backup storage, for one unit of the plan. -1 is unlimited."
        )
        self.fields["overage"] = WholeNumberField(
            label="Overage (GB)",
            help_text="Hard quota: what may be used above the Storage Quota before Acronis blocks. Empty: never blocked.",
        )

    def _add_editions(self) -> None:
        assert self.manager is not None
        offered = self.offering.editions
        protection_choices = [
            (model.value, model.label)
            for model in ProtectionModel
            if self.manager.edition_for(protection=model, file_sync=FileSyncModel.PER_USER)["backup"] in offered.get("backup", {})
        ]
        file_choices = [
            (model.value, model.label)
            for model in FileSyncModel
            if self.manager.edition_for(protection=ProtectionModel.PER_GIGABYTE, file_sync=model)["files_cloud"]
            in offered.get("files_cloud", {})
        ]
        for name, label, choices in (
            ("protection_model", "Edition", protection_choices),
            ("file_sync_model", "File Sync & Share edition", file_choices),
        ):
            self.fields[name] = forms.ChoiceField(
                label=label,
                required=False,
                choices=[("", "Choose…"), *choices],
                widget=UnfoldAdminSelectWidget(),
                error_messages={"invalid_choice": "You are not offered this edition at Acronis. Choose one of the list."},
            )

    def _add_items(self) -> None:
        storage = self.offering.storage_item(self.editions.get("backup", ""))
        shown = [item for item in self.offering.of_edition(self.editions) if item != storage]
        said = {name.removeprefix("on-") for name in self.initial if name.startswith("on-")}
        unknown = [rules.Offered(name=name, label=name, is_offered=False) for name in sorted(said - self.offering.items.keys())]
        self.lines = [*shown, *unknown]
        for item in self.lines:
            self.fields[f"on-{item.name}"] = forms.BooleanField(
                label=item.label, required=False, widget=forms.CheckboxInput(attrs={"aria-label": item.label})
            )
            if item.has_quota:
                for part, words in (("soft", "Soft Quota"), ("hard", "Hard Quota")):
                    label = f"{item.label}, {words}"
                    self.fields[f"{part}-{item.name}"] = WholeNumberField(
                        label=label, attrs={"aria-label": label, "placeholder": "unlimited" if part == "soft" else "not blocked"}
                    )

    # --- Tables ----------------------------------------------------------------------------------------------------------

    @property
    def common(self) -> list[ItemLine]:
        """Items of all editions of Protection (seed text, 004: “Common Application”), but for the extras."""
        return [self._line(item) for item in self.lines if item.application == COMMON and not _is_extra(item)]

    @property
    def extras(self) -> list[ItemLine]:
        """Items of Protection that Acronis charges beside what they protect: advanced packs and disaster recovery."""
        return [self._line(item) for item in self.lines if item.application == COMMON and _is_extra(item)]

    @property
    def opens_extras(self) -> bool:
        """Whether something is ticked among the extras, or is to be put right there."""
        return any(line.on.value() or line.errors or self._quota_errors(line) for line in self.extras)

    @staticmethod
    def _quota_errors(line: ItemLine) -> bool:
        return any(field is not None and field.errors for field in (line.soft, line.hard))

    @property
    def independent(self) -> list[tuple[str, list[ItemLine]]]:
        """The other applications, each with its items (“Independent Application”)."""
        others = {item.application for item in self.lines} - {COMMON}
        order = [*(name for name in INDEPENDENT if name in others), *sorted(others - INDEPENDENT.keys())]
        return [
            (INDEPENDENT.get(name, name), [self._line(item) for item in self.lines if item.application == name]) for name in order
        ]

    def _line(self, item: rules.Offered) -> ItemLine:
        has_quota = item.has_quota
        return ItemLine(
            item=item,
            unit=rules.UNITS[item.unit][1] if has_quota else "",
            on=self[f"on-{item.name}"],
            soft=self[f"soft-{item.name}"] if has_quota else None,
            hard=self[f"hard-{item.name}"] if has_quota else None,
        )

    def has_unseen_items(self, sent: Iterable[str]) -> bool:
        """Whether Protection has items of the chosen edition and none of them was sent: the browser had not shown them yet."""
        of_edition = {item.name for item in self.lines if item.application == COMMON and item.edition}
        return bool(of_edition) and of_edition.isdisjoint(sent)

    # --- What was typed --------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.manager is not None:
            values = values_of(self.settings, plan=self.plan, manager=self.manager)
            for refusal in rules.refusals(values, self.offering):
                if not self._is_consequence(refusal.field):
                    self.refuse(FieldRefused(refusal.field, refusal.sentence))
        return cleaned

    def _is_consequence(self, name: str) -> bool:
        """Whether the field was refused already, or follows from one that was."""
        cause = {"overage": "storage_quota"}.get(name, name.replace("hard-", "soft-", 1))
        return name in self.errors or cause in self.errors

    def refuse(self, refusal: DomainError) -> None:
        """Put a refusal beside its field where the form has it, else above the form."""
        name = refusal.field if isinstance(refusal, FieldRefused) and refusal.field in self.fields else None
        self.add_error(name, str(refusal))

    @property
    def settings(self) -> NewSettings:
        """What was typed, as far as it could be read."""
        cleaned = self.cleaned_data
        items = tuple(
            (
                item.name,
                rules.ItemValues(
                    bool(cleaned.get(f"on-{item.name}")), cleaned.get(f"soft-{item.name}"), cleaned.get(f"hard-{item.name}")
                ),
            )
            for item in self.lines
        )
        days = cleaned.get("trial_days")
        return NewSettings(
            service_manager_id=cleaned.get("service_manager") or 0,
            is_free_trial=cleaned.get("is_free_trial") == "yes",
            trial_days=ModuleSettings._meta.get_field("trial_days").default if days is None else days,
            storage_quota=cleaned.get("storage_quota"),
            overage=cleaned.get("overage"),
            protection_model=cleaned.get("protection_model") or "",
            file_sync_model=cleaned.get("file_sync_model") or "",
            backup_storage_id=cleaned.get("backup_storage"),
            items=tuple((name, item) for name, item in items if item != rules.ItemValues(is_enabled=False)),
        )


def saved_values(plan: Plan, settings: ModuleSettings | None) -> dict[str, Any]:
    """Return what the plan says now, as the form's initial values."""
    if settings is None:
        return {"service_manager": plan.service_manager_id, "is_free_trial": "no", "trial_days": 30}
    initial = {
        "service_manager": plan.service_manager_id,
        "is_free_trial": "yes" if settings.is_free_trial else "no",
        "trial_days": settings.trial_days,
        "storage_quota": settings.storage_quota,
        "overage": settings.overage,
        "protection_model": settings.protection_model,
        "file_sync_model": settings.file_sync_model,
        "backup_storage": settings.backup_storage_id,
    }
    for item in settings.items.all():
        initial |= {f"on-{item.name}": item.is_enabled, f"soft-{item.name}": item.soft_quota, f"hard-{item.name}": item.overage}
    return initial


def carried_over(initial: Mapping[str, Any], offering: rules.Offering, editions: Mapping[str, str]) -> dict[str, Any]:
    """Return the values with what is said about items of another edition said about their counterparts: the same usage."""
    kept = dict(initial)
    there = {(item.application, item.usage): item.name for item in offering.of_edition(editions) if item.edition}
    for item in offering.items.values():
        counterpart = there.get((item.application, item.usage))
        if not item.edition or item.edition == editions.get(item.application) or f"on-{item.name}" not in initial:
            continue
        for part in ("on", "soft", "hard"):
            said = kept.pop(f"{part}-{item.name}", None)
            if counterpart is not None and f"{part}-{counterpart}" not in initial:
                kept[f"{part}-{counterpart}"] = said
    return kept


def said_of_protection(initial: Mapping[str, Any], offering: rules.Offering) -> bool:
    """Whether anything was said about the items of an edition of Protection, if only that they are off."""
    return any(f"on-{item.name}" in initial for item in offering.items.values() if item.application == COMMON and item.edition)


def suggested(offering: rules.Offering, editions: Mapping[str, str]) -> dict[str, Any]:
    """Return the ticks of a plan nobody has set up yet: what Protection protects, without the packs that cost extra."""
    return {
        f"on-{item.name}": True
        for item in offering.of_edition(editions)
        if item.application == COMMON
        and item.is_offered
        and not item.usage.startswith(COSTLY_USAGES)
        and not rules.is_storage(item)
    }


# --- Its own account ------------------------------------------------------------------------------------------------------


class AccountForm(forms.Form):
    """An account of the plan's own at the vendor: a person who makes an API client, or an API client that is there."""

    PERSON, CLIENT = "person", "client"

    name = forms.CharField(
        label="Name",
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What staff call this account here.",
        error_messages={"required": "Give the account a name."},
    )
    base_url = forms.CharField(
        label="Datacenter",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="The server's address, for example https://eu2-cloud.acronis.com. “Find” asks Acronis where the username lives.",
    )
    vendor_currency = forms.CharField(
        label="Acronis invoices you in",
        max_length=3,
        initial="EUR",
        widget=UnfoldAdminTextInputWidget(),
        help_text="Three letters, for example EUR.",
    )
    kind = forms.ChoiceField(
        label="Sign in with",
        choices=[(PERSON, "Username and password"), (CLIENT, "API client")],
        initial=PERSON,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    username = forms.CharField(
        label="Username",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="An administrator of your tenant at Acronis.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        max_length=500,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text="Sent to Acronis once, to make an API client. It is kept nowhere.",
    )
    client_id = forms.CharField(
        label="Client id", required=False, max_length=100, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text="Encrypted here and never shown again.",
    )

    def clean_vendor_currency(self) -> str:
        currency = str(self.cleaned_data["vendor_currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Give a currency by its three letters, for example EUR.")
        return currency


def _is_extra(item: rules.Offered) -> bool:
    return item.usage.startswith(COSTLY_USAGES)


def _manager_words(manager: ServiceManager) -> str:
    return f"{manager} ({manager.base_url})" if manager.is_active else f"{manager} (switched off)"


def _place_words(place: rules.Location) -> str:
    held = "" if place.capacity is None else f", {place.capacity:,} GB"
    return f"{place.name}{held}" if place.is_offered else f"{place.name} (no longer offered)"
