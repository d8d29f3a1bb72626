"""The Module Setting “Acronis” of a plan: which account delivers it, and what a new tenant gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from accounts.models import Organization
from catalog import module_rules as rules
from catalog.forms.module_setting import AccountForm, ModuleSettingForm, carried_over, said_of_protection, saved_values, suggested
from catalog.models import ModuleSettings, Plan
from catalog.operations import module_settings as operations
from catalog.operations.module_preview import TenantPreview, preview_settings
from catalog.queries.module_setting import editions_of, offering_of, running_services, settings_in_words
from common import clock
from common.bss import BssAdmin, refuse, today
from common.errors import DomainError, FieldRefused
from provisioning.admin.asking import id_sent, require
from provisioning.models import FileSyncModel, ProtectionModel, ServiceManager
from provisioning.operations import connection, own_account

CHANGE = "catalog.change_plan"
SET_UP = "provisioning.change_servicemanager"  # whoever may, gets the services definition from the vendor
ADD = "provisioning.add_servicemanager"
STALE_DAYS = 30
MOST_PREVIEWED = 100_000
AS_TYPED = (
    "service_manager",
    "is_free_trial",
    "trial_days",
    "storage_quota",
    "overage",
    "protection_model",
    "file_sync_model",
    "backup_storage",
)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the page is shown for: the service manager, what it offers, and the editions whose items are listed."""

    managers: list[ServiceManager]
    manager: ServiceManager | None
    offering: rules.Offering
    editions: Mapping[str, str]


class ModuleSettingPages(BssAdmin):
    """The pages of `PlanAdmin` about what is provisioned for a plan."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/module-setting/", view(self.module_setting_view), name="catalog_plan_module_setting"),
            path("<path:object_id>/module-setting/account/", view(self.account_view), name="catalog_plan_account"),
        ]
        return [*own, *super().get_urls()]

    # --- The page --------------------------------------------------------------------------------------------------------

    def module_setting_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """
        Show and save the module setting. Another service manager or edition (``reload``) shows its choices and keeps what was
        typed; ``preview`` shows what a tenant would get; ``fetch`` gets the services definition. None of the three saves.
        """
        plan: Plan = self.row_or_404(request, object_id)
        asked = request.POST.get("action", "save") if request.method == "POST" else ""
        if asked:
            require(request, CHANGE)
        settings = ModuleSettings.objects.filter(plan=plan).prefetch_related("items").first()
        if asked == "fetch":
            self._fetch(request, self._manager(request.POST.get("service_manager")))
        typed = request.POST if asked else None
        initial = self._initial(plan, settings, typed, request.GET.get("service_manager"))
        choice = self._choice(plan, initial)
        is_answer = asked in ("save", "preview") and choice.manager is not None
        form = self._form(plan, settings, choice, initial, answer=typed if is_answer else None)
        if is_answer and form.has_unseen_items(request.POST.getlist("item")):
            asked, form = "reload", self._form(plan, settings, choice, initial, answer=None)
            messages.info(request, "Nothing is saved yet: look through the offering items of this edition first.")
        if asked == "save" and choice.manager is None:
            messages.error(request, "Choose the service manager.")
        if asked == "save" and form.is_bound and form.is_valid() and self._save(request, plan, form):
            return redirect(self._module_setting_url(plan))
        shown = self._preview(request, plan, choice, form) if asked == "preview" else None
        return self.page(
            request,
            "admin/catalog/module_setting.html",
            title=f"Module Setting of {plan}",
            **self._page_facts(request, plan, choice, form),
            preview=shown,
        )

    def _initial(
        self, plan: Plan, settings: ModuleSettings | None, typed: QueryDict | None, asked_manager: str | None
    ) -> dict[str, Any]:
        """Return what the fields begin with: what was typed, else what is saved."""
        saved = saved_values(plan, settings)
        if typed is None:
            return saved | ({"service_manager": id_sent(asked_manager)} if asked_manager else {})
        initial: dict[str, Any] = {name: typed.get(name, saved.get(name, "")) for name in AS_TYPED}
        initial["service_manager"] = id_sent(typed.get("service_manager"))
        for name in typed.getlist("item"):
            initial[f"on-{name}"] = f"on-{name}" in typed
            initial |= {f"{part}-{name}": typed.get(f"{part}-{name}", "") for part in ("soft", "hard")}
        return initial

    def _choice(self, plan: Plan, initial: Mapping[str, Any]) -> _Choice:
        managers = list(ServiceManager.objects.order_by("-is_active", "name"))
        managers = [row for row in managers if row.is_active or row.pk == plan.service_manager_id]
        manager = next((row for row in managers if row.pk == initial["service_manager"]), None)
        if manager is None or manager.definition_fetched_at is None:
            return _Choice(managers, manager, rules.Offering(), {})
        known = {"protection_model": ProtectionModel.values, "file_sync_model": FileSyncModel.values}
        chosen = {name: value if (value := initial.get(name) or "") in values else "" for name, values in known.items()}
        editions = editions_of(manager, **chosen) if plan.is_fixed else {}
        return _Choice(managers, manager, offering_of(manager), editions)

    def _form(
        self,
        plan: Plan,
        settings: ModuleSettings | None,
        choice: _Choice,
        initial: Mapping[str, Any],
        *,
        answer: QueryDict | None,
    ) -> ModuleSettingForm:
        is_new = settings is None or settings.storage_quota is None
        begin = carried_over(initial, choice.offering, choice.editions)
        if is_new and not said_of_protection(begin, choice.offering):
            begin = suggested(choice.offering, choice.editions) | begin
        return ModuleSettingForm(
            answer,
            plan=plan,
            managers=choice.managers,
            manager=choice.manager if choice.manager and choice.manager.definition_fetched_at else None,
            offering=choice.offering,
            editions=choice.editions,
            initial=begin,
        )

    def _page_facts(self, request: HttpRequest, plan: Plan, choice: _Choice, form: ModuleSettingForm) -> dict[str, Any]:
        fetched_at = choice.manager.definition_fetched_at if choice.manager else None
        return {
            "original": plan,
            "plan": plan,
            "form": form,
            "manager": choice.manager,
            "storage_item": choice.offering.storage_item(choice.editions.get("backup", "")),
            "is_stale": fetched_at is not None and (clock.now() - fetched_at).days >= STALE_DAYS,
            "running": running_services(plan),
            "may_change": request.user.has_perm(CHANGE),
            "may_fetch": request.user.has_perm(SET_UP),
            "account_url": reverse("admin:catalog_plan_account", args=[plan.pk]) if request.user.has_perm(ADD) else "",
            "back": self.url_of(plan),
        }

    def _manager(self, sent: str | None) -> ServiceManager | None:
        return ServiceManager.objects.filter(pk=id_sent(sent)).first()

    def _fetch(self, request: HttpRequest, manager: ServiceManager | None) -> None:
        require(request, SET_UP)
        if manager is None:
            messages.error(request, "Choose the service manager.")
            return
        try:
            if manager.root_tenant_id is None:
                messages.success(request, connection.test_connection(service_manager_id=manager.pk, at=clock.now()))
            messages.success(request, connection.fetch_services_definition(service_manager_id=manager.pk, at=clock.now()))
        except DomainError as refusal:
            messages.error(request, str(refusal))

    def _save(self, request: HttpRequest, plan: Plan, form: ModuleSettingForm) -> bool:
        try:
            saved = operations.save_module_settings(plan_id=plan.pk, settings=form.settings, today=today(), at=clock.now())
        except operations.SettingsRefused as refusal:  # what is offered changed in the moment after the form looked
            for one in refusal.refusals:
                form.refuse(FieldRefused(one.field, one.sentence))
            return False
        except DomainError as refusal:
            form.refuse(refusal)
            return False
        self.log_change(request, plan, f"Module Setting: {settings_in_words(plan)}.")
        made = f" {saved.order_urls} order URL{'' if saved.order_urls == 1 else 's'} made." if saved.order_urls else ""
        messages.success(request, f"The Module Setting of {plan} is saved.{made}")
        for note in saved.notes:
            messages.warning(request, note)
        return True

    def _preview(self, request: HttpRequest, plan: Plan, choice: _Choice, form: ModuleSettingForm) -> TenantPreview | None:
        form.is_valid()  # its sentences stand at the fields; what could be read is shown all the same
        if choice.manager is None or not form.is_bound:
            return None
        quantity, number = request.POST.get("preview_quantity", ""), request.POST.get("preview_customer", "").strip()
        is_count = quantity.isascii() and quantity.isdecimal() and 1 <= int(quantity[:9]) <= MOST_PREVIEWED
        pieces = int(quantity) if is_count and plan.is_fixed else 1
        consumer = None
        if number:
            customers = Organization.objects.filter(kind=Organization.Kind.CUSTOMER).select_related("parent")
            consumer = customers.filter(number__iexact=number.replace("\0", "")[:20]).first()
            if consumer is None:
                return TenantPreview(pieces, problem=f"There is no customer {number[:20]}.")
        return preview_settings(plan=plan, manager=choice.manager, settings=form.settings, quantity=pieces, consumer=consumer)

    def _module_setting_url(self, plan: Plan) -> str:
        return reverse("admin:catalog_plan_module_setting", args=[plan.pk])

    # --- Its own account -------------------------------------------------------------------------------------------------

    def account_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a service manager of an account at the vendor, ready to choose from; ``find`` looks for its data centre first."""
        plan: Plan = self.row_or_404(request, object_id)
        require(request, ADD)
        is_find = "find" in request.POST
        form = AccountForm(None if is_find or request.method != "POST" else request.POST, initial=_named_after(plan))
        if is_find:
            form = self._found(request)
        elif form.is_valid():
            try:
                made = self._connect(form)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                for sentence in made.done:
                    messages.success(request, sentence)
                if made.problem:
                    messages.error(request, f"{made.service_manager} is kept, but: {made.problem}")
                return redirect(f"{self._module_setting_url(plan)}?{urlencode({'service_manager': made.service_manager.pk})}")
        return self.page(
            request,
            "admin/catalog/module_setting_account.html",
            title=f"An Acronis account for {plan}",
            original=plan,
            plan=plan,
            form=form,
            back=self._module_setting_url(plan),
        )

    def _found(self, request: HttpRequest) -> AccountForm:
        """Return the form with the data centre of the login filled in, and everything else as it was typed, but for secrets."""
        typed = {name: request.POST.get(name, "") for name in AccountForm.base_fields}
        try:
            typed["base_url"] = connection.find_data_centre(login=typed["username"])
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{typed['username'].strip()} lives at {typed['base_url']}. Enter the secret again to go on.")
        return AccountForm(None, initial=typed)

    def _connect(self, form: AccountForm) -> own_account.NewAccount:
        typed = form.cleaned_data
        common = {
            "name": typed["name"],
            "base_url": typed["base_url"],
            "vendor_currency": typed["vendor_currency"],
            "at": clock.now(),
        }
        if typed["kind"] == AccountForm.CLIENT:
            return own_account.connect_client(client_id=typed["client_id"], client_secret=typed["client_secret"], **common)
        return own_account.connect_person(username=typed["username"], password=typed["password"], **common)


def _named_after(plan: Plan) -> dict[str, str]:
    return {"name": f"Acronis of {plan}"[:100], "vendor_currency": "EUR", "kind": AccountForm.PERSON}
