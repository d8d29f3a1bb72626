"""The roles of the MSP's staff, as Django groups. What each may do follows the table of people in README.md."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

READ = ("view",)
WRITE = ("view", "add", "change")

ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    "Account managers": {
        "ordering.order": ("view", "add", "execute"),
        "ordering.ordertoexecute": READ,
        "ordering.orderline": READ,
        "accounts.organization": WRITE,
        "accounts.membership": (*WRITE, "delete"),
        "accounts.invitation": ("view", "add"),
        "accounts.user": WRITE,
        "accounts.apitoken": ("view", "change"),
        "accounts.webhookendpoint": WRITE,
        "accounts.webhookdelivery": ("view", "change"),
        "accounts.actingas": READ,
        "accounts.as_customer": ("act",),
        "provisioning.*": READ,
        "provisioning.tenant": ("view", "change"),
        "provisioning.tenantuser": ("view", "change"),
        "provisioning.service": ("view", "change", "terminate"),
        "provisioning.hold": ("view", "place"),
        "provisioning.drift": ("view", "decide"),
        "provisioning.vendor": ("inspect",),
        "provisioning.panel": ("open",),
        "provisioning.password": ("show",),
        "billing.subscription": READ,
        "billing.invoice": READ,
        "billing.creditnote": READ,
        "billing.payment": READ,
        "catalog.*": READ,
    },
    "Product managers": {
        "catalog.*": (*WRITE, "delete"),
        "provisioning.servicemanager": WRITE,
        "provisioning.*": READ,
        "billing.ratecard": READ,
        "billing.rate": READ,
        "billing.pricechange": ("view", "add"),
        "post_office.emailtemplate": WRITE,
        "accounts.organization": READ,
    },
    "Billing managers": {
        "billing.*": READ,
        "billing.ratecard": WRITE,
        "billing.exchangerate": (*WRITE, "delete"),
        "billing.subscriptionallowance": ("view", "add"),
        "billing.subscriptioncommitment": ("view", "add"),
        "billing.billingrun": WRITE,
        "billing.payment": WRITE,
        "billing.bankstatement": ("view", "add"),
        "billing.invoice": ("view", "issue"),
        "billing.creditnote": ("view", "add"),
        "billing.accounting": ("export",),
        "reconciliation.*": WRITE,
        "accounts.organization": READ,
        "catalog.*": READ,
        "provisioning.*": READ,
        "provisioning.hold": ("view", "place"),
        # What an order may cost, and whose orders go on over the limit, is about money; placing it is not theirs.
        "ordering.order": ("view", "release"),
        "ordering.price": ("override",),
        "ordering.ordertoexecute": READ,
        "ordering.orderline": READ,
        "provisioning.usage": ("collect",),
    },
}


def ensure_roles() -> None:
    """Make the groups and give each the permissions above; what the BSS added to a group stays."""
    for name, grants in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(_permissions(grants)))


def _permissions(grants: dict[str, tuple[str, ...]]) -> Q:
    """`app.model` → verbs; `app.*` is every model of the app; a verb of its own makes `verb_thing`, such as `open_panel`."""
    wanted = Q(pk__in=[])
    for what, verbs in grants.items():
        app, model = what.split(".")
        for verb in verbs:
            codename = Q(codename__startswith=f"{verb}_") if model == "*" else Q(codename=f"{verb}_{model}")
            wanted |= Q(content_type__app_label=app) & codename
    return wanted
