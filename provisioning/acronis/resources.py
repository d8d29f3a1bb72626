"""
The vendor's API in our words: thin groups of calls, the attributes of ``Acronis``.

The name in brackets is the operation in the vendor's OpenAPI description. Long lists are iterated page by page.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from typing import Any, TypeVar

from provisioning.acronis import report_file
from provisioning.acronis.connection import Connection, Query, path_to
from provisioning.acronis.errors import BadRequest, Conflict, EditionUnavailable, MalformedAnswer, NotAcceptable
from provisioning.acronis.types import (
    AccessPolicy,
    ApiClient,
    Application,
    Fields,
    Infra,
    LoginCheck,
    OfferingItem,
    OfferingItemChange,
    Page,
    Pricing,
    Report,
    SearchHit,
    StoredReport,
    TenantUsages,
    Usage,
    VendorTenant,
    VendorUser,
    in_batches,
    items_of,
    text,
    without_absent,
)

T = TypeVar("T")
Items = list[OfferingItem]  # inside OfferingItems, ``list`` is its method

# What stands for "not yet known" in a new access policy; the vendor fills it in.
NIL = "00000000-0000-0000-0000-000000000000"


class Resource:
    """A group of calls over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _pages(self, path: str, *, read: Callable[[object], T], query: Query) -> Iterator[T]:
        """Iterate over a list. The cursor carries the filters, so a following page is asked for by cursor alone."""
        seen: set[str] = set()
        while True:
            page = self._connection.ask("GET", path, query=query, read=lambda value: Page.from_json(value, read))
            yield from page.items
            if page.after is None:
                return
            if page.after in seen:
                raise MalformedAnswer("its pages go in a circle", method="GET", path=path)
            seen.add(page.after)
            query = {"after": page.after}


class Clients(Resource):
    def get(self, client_id: str) -> ApiClient:
        """Return a registration, normally our own: its tenant is our root. (FetchClient)"""
        return self._connection.ask("GET", path_to("clients", client_id), read=ApiClient.from_json)


class Applications(Resource):
    def list(self) -> list[Application]:
        """Return the services of the platform; their ids are the same in every data centre. (FetchApplications)"""
        return self._connection.ask("GET", "/applications", read=items_of(Application.from_json))


class Tenants(Resource):
    def get(self, tenant_id: str) -> VendorTenant:
        """Return a tenant. (FetchTenant) :raises NotFound: also for a deleted one."""
        return self._connection.ask("GET", path_to("tenants", tenant_id), read=VendorTenant.from_json)

    def by_parent(self, parent_id: str) -> Iterator[VendorTenant]:
        """Iterate over the direct children of a tenant. (FetchTenantsBatch)"""
        return self._pages("/tenants", query={"parent_id": parent_id}, read=VendorTenant.from_json)

    def by_ids(self, ids: Iterable[str]) -> Iterator[VendorTenant]:
        """Iterate over tenants by id; unknown and deleted ones are missing. (FetchTenantsBatch)"""
        for batch in in_batches(iter(ids)):
            yield from self._pages("/tenants", query={"uuids": ",".join(batch)}, read=VendorTenant.from_json)

    def in_subtree(self, root_id: str) -> Iterator[VendorTenant]:
        """
        Iterate over a tenant and all below it, parents before children, a few thousand in a call. (FetchTenantsBatch)

        :param root_id: the tenant to begin with; it comes first.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        query: Query = {"subtree_root_id": root_id, "lod": "full"}
        return self._pages("/tenants", query=query, read=VendorTenant.from_json)

    def search(self, text: str, *, under: str, limit: int = 100) -> list[SearchHit]:
        """
        Find tenants and users below a tenant by name, customer id, login or e-mail, by the beginnings of words and
        without regard to case, so a hit is no exact match yet. (Search)

        :param text: three characters at least.
        :param limit: 300 at most.
        """
        return self._connection.ask(
            "GET", "/search", query={"tenant": under, "text": text, "limit": limit}, read=items_of(SearchHit.from_json)
        )

    def create(
        self,
        *,
        name: str,
        parent_id: str,
        kind: str,
        customer_id: str | None = None,
        internal_tag: str | None = None,
        contact: Mapping[str, str] | None = None,
        language: str | None = None,
    ) -> VendorTenant:
        """
        Create a tenant: a customer starts as trial, a partner as production. (CreateTenant)

        The vendor has no idempotency key: where ``outcome_unknown``, search by customer id before creating again.

        :raises Conflict: the name is taken under this parent.
        """
        body = without_absent(
            {
                "name": name,
                "parent_id": parent_id,
                "kind": kind,
                "customer_id": customer_id,
                "internal_tag": internal_tag,
                "contact": contact,
                "language": language,
            }
        )
        return self._connection.ask("POST", "/tenants", body=body, read=VendorTenant.from_json)

    def update(self, tenant_id: str, *, version: int, **fields: Any) -> VendorTenant:
        """
        Change some fields; ``enabled=False`` suspends, though the vendor goes on billing. (UpdateTenant)

        :raises Conflict: with ``is_stale`` if the tenant changed since ``version`` was read.
        """
        body = {"version": version, **fields}
        return self._connection.ask("PUT", path_to("tenants", tenant_id), body=body, read=VendorTenant.from_json)

    def delete(self, tenant_id: str, *, version: int) -> None:
        """
        Delete a disabled tenant with all below it, users and backups included. (DeleteTenant)

        :raises BadRequest: code 1006, the tenant is enabled.
        :raises NotFound: it is gone already, perhaps by an earlier attempt whose answer was lost.
        """
        self._connection.tell("DELETE", path_to("tenants", tenant_id), query={"version": version})

    def pricing(self, tenant_id: str) -> Pricing:
        """Return how the vendor charges a tenant. (FetchTenantPricingSettings)"""
        return self._connection.ask("GET", path_to("tenants", tenant_id, "pricing"), read=Pricing.from_json)

    def set_pricing(self, tenant_id: str, *, version: int, mode: str, currency: str | None) -> Pricing:
        """Set how the vendor charges a tenant. From trial to production is for good. (UpdateTenantPricingSettings)"""
        body = {"version": version, "mode": mode, "currency": currency}
        path = path_to("tenants", tenant_id, "pricing")
        return self._connection.ask("PUT", path, body=body, read=Pricing.from_json)

    def check_edition(self, tenant_id: str, *, application_id: str, edition: str) -> list[str]:
        """
        Try what switching the edition of a service would do, changing nothing. (PerformTenantEditionSwitchCheck)

        :param application_id: the service; only Protection and File Sync & Share have editions.
        :param edition: the edition to change to, ``pck_per_workload`` for example.
        :returns: the vendor's warnings, such as ``NewFeaturesBecomeAvailable``; none of them stops the switch.
        :raises EditionUnavailable: items the tenant has do not exist in that edition, or its parent does not offer them.
        :raises BadRequest: refused for another reason, the edition is unknown for example.
        :raises NotFound: there is no such tenant.
        """
        path = path_to("tenants", tenant_id, "edition")
        query = {"target_edition": edition, "application_id": application_id}
        with _edition_refusals(edition):
            return self._connection.ask("GET", path, query=query, read=_warnings)

    def switch_edition(self, tenant_id: str, *, application_id: str, edition: str) -> list[str]:
        """
        Switch a service to another edition; quotas go over to the counterparts of the items. (SwitchTenantEdition)

        Switching to the edition the tenant has already changes nothing, so it may be repeated.

        :param application_id: the service; only Protection and File Sync & Share have editions.
        :param edition: the edition to change to, ``pck_per_workload`` for example.
        :returns: the vendor's warnings, if it gives any: its reference answers with the items, its guide with warnings.
        :raises EditionUnavailable: items the tenant has do not exist in that edition, or its parent does not offer them.
        :raises BadRequest: refused for another reason, the edition is unknown for example.
        :raises NotFound: there is no such tenant.
        """
        path = path_to("tenants", tenant_id, "edition")
        body = {"target_edition": edition, "application_id": application_id}
        with _edition_refusals(edition):
            return self._connection.ask("PUT", path, body=body, read=_warnings)

    def user_ids(self, tenant_id: str) -> list[str]:
        """Return the ids of a tenant's own users. (FetchTenantUsers)"""
        return self._connection.ask("GET", path_to("tenants", tenant_id, "users"), read=items_of(text))

    def children(self, tenant_id: str) -> list[str]:
        """Return the ids of a tenant's direct children. (FetchTenantChildren)"""
        return list(self._pages(path_to("tenants", tenant_id, "children"), query={}, read=text))


@contextmanager
def _edition_refusals(edition: str) -> Iterator[None]:
    try:
        yield
    except BadRequest as refusal:
        if refusal.named and refusal.code in EditionUnavailable.CODES:
            raise EditionUnavailable.from_refusal(refusal, edition=edition) from refusal
        raise


def _warnings(value: object) -> list[str]:
    return [warning for warning in Fields(value, "answer").each_if_any("warnings", text) if warning]


class Users(Resource):
    def check_login(self, login: str) -> LoginCheck:
        """Ask whether a new user may have a login. (CheckLoginNameAvailability: 204 free, 409 taken, 406 malformed)"""
        try:
            self._connection.tell("GET", "/users/check_login", query={"username": login})
        except Conflict:
            return LoginCheck.TAKEN
        except NotAcceptable:
            return LoginCheck.NOT_ACCEPTABLE
        return LoginCheck.FREE

    def create(
        self,
        *,
        tenant_id: str,
        login: str,
        email: str,
        firstname: str = "",
        lastname: str = "",
        language: str | None = None,
    ) -> VendorUser:
        """
        Create a user, who has no role and no password yet. (CreateUser)

        :raises Conflict: the login is taken, anywhere on the platform.
        """
        contact = {"email": email, "firstname": firstname, "lastname": lastname}
        body = without_absent({"tenant_id": tenant_id, "login": login, "contact": contact, "language": language})
        return self._connection.ask("POST", "/users", body=body, read=VendorUser.from_json)

    def of_tenant(self, tenant_id: str) -> list[VendorUser]:
        """Return a tenant's own users with their access policies, in one call. (FetchUsersBatch)"""
        return [user for user in self.in_subtree(tenant_id) if user.tenant_id == tenant_id]

    def in_subtree(self, root_id: str) -> Iterator[VendorUser]:
        """
        Iterate over the users of a tenant and of all below it, with their access policies, a few thousand in a call.
        (FetchUsersBatch)

        :param root_id: the tenant to begin with.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        query: Query = {"subtree_root_tenant_id": root_id, "with_access_policies": True}
        return self._pages("/users", query=query, read=VendorUser.from_json)

    def get(self, user_id: str) -> VendorUser:
        """Return a user. (FetchUser)"""
        return self._connection.ask("GET", path_to("users", user_id), read=VendorUser.from_json)

    def update(self, user_id: str, *, version: int, **fields: Any) -> VendorUser:
        """
        Change some fields. A new e-mail address of an activated user waits for confirmation. (UpdateUser)

        :raises Conflict: with ``is_stale`` if the user changed since ``version`` was read.
        """
        body = {"version": version, **fields}
        return self._connection.ask("PUT", path_to("users", user_id), body=body, read=VendorUser.from_json)

    def access_policies(self, user_id: str) -> list[AccessPolicy]:
        """Return the roles of a user. (FetchUserAccessPolicies)"""
        path = path_to("users", user_id, "access_policies")
        return list(self._pages(path, query={}, read=AccessPolicy.from_json))

    def set_access_policies(self, user_id: str, grants: Sequence[tuple[str, str]]) -> list[AccessPolicy]:
        """
        Replace all roles of a user. (UpdateUserAccessPolicies)

        :param grants: pairs of tenant id and role id.
        """
        policies = [
            {
                "id": NIL,
                "issuer_id": NIL,
                "version": 0,
                "trustee_type": "user",
                "trustee_id": user_id,
                "tenant_id": tenant_id,
                "role_id": role_id,
            }
            for tenant_id, role_id in grants
        ]
        path = path_to("users", user_id, "access_policies")
        return self._connection.ask("PUT", path, body={"items": policies}, read=items_of(AccessPolicy.from_json))

    def set_password(self, user_id: str, password: str) -> None:
        """Set a password, which also activates the user. Sub-tenants' users only. (SetUserPassword)"""
        path = path_to("users", user_id, "password")
        self._connection.tell("POST", path, body={"password": password}, secrets=(password,))

    def send_activation_email(self, user_id: str) -> None:
        """Have the vendor mail a link by which the user sets a password. Each call sends one. (SendActivationEmail)"""
        self._connection.tell("POST", path_to("users", user_id, "send-activation-email"), body={})


class OfferingItems(Resource):
    def list(self, tenant_id: str, *, edition: str = "*") -> Items:
        """Return a tenant's items, also those it could have but that are off. (FetchTenantOfferingItems)"""
        path = path_to("tenants", tenant_id, "offering_items")
        return Items(self._pages(path, query={"edition": edition}, read=OfferingItem.from_json))

    def in_subtree(self, root_id: str) -> Iterator[OfferingItem]:
        """
        Iterate over the items of a tenant and of all below it, in all editions, a few thousand in a call; each item's
        ``tenant_id`` says whose it is. (FetchTenantOfferingItemsBatch)

        :param root_id: the tenant to begin with.
        :raises NotFound: there is no such tenant, or it is deleted.
        :raises MalformedAnswer: an item does not say whose it is.
        """
        query: Query = {"subtree_root_tenant_id": root_id}
        return self._pages("/tenants/offering_items", query=query, read=OfferingItem.of_named_tenant)

    def available_for_child(self, parent_id: str, *, kind: str, edition: str = "*") -> Items:
        """
        Return what a new child of this kind could be given, every storage included though a customer may have only
        one of each type. (FetchOfferingItemsAvailableForTenantChild)
        """
        path = path_to("tenants", parent_id, "offering_items", "available_for_child")
        return Items(self._pages(path, query={"kind": kind, "edition": edition}, read=OfferingItem.from_json))

    def set(self, tenant_id: str, items: Sequence[OfferingItemChange], *, check_usage: bool = False) -> Items:
        """
        Turn items on or off and set quotas; items not named stay. Returns the named ones. (SetTenantOfferingItems)

        :param check_usage: refuse to turn off what has usage.
        :raises QuotaVersionConflict: a quota changed since its version was read.
        :raises BadRequest: an item is not available from the parent, or depends on one that is off.
        """
        body = {"offering_items": [item.to_json() for item in items], "check_usage": check_usage}
        path = path_to("tenants", tenant_id, "offering_items")
        return self._connection.ask("PUT", path, body=body, read=items_of(OfferingItem.from_json))


class Infras(Resource):
    def by_ids(self, ids: Iterable[str]) -> list[Infra]:
        """Return storages and disaster recovery sites by id. (FetchInfrastructuresBatch)"""
        return [
            infra
            for batch in in_batches(iter(ids))
            for infra in self._connection.ask(
                "GET",
                "/infra",
                query={"uuids": ",".join(batch)},
                read=items_of(Infra.from_json),
            )
        ]


class Usages(Resource):
    def of_tenant(self, tenant_id: str) -> list[Usage]:
        """Return a tenant's readings. (FetchTenantUsages)"""
        return self._connection.ask("GET", path_to("tenants", tenant_id, "usages"), read=items_of(Usage.from_json))

    def of_tenants(self, ids: Iterable[str]) -> Iterator[TenantUsages]:
        """Iterate over the readings of many tenants, a hundred in a call. (FetchTenantsUsagesBatch)"""
        for batch in in_batches(iter(ids)):
            query: Query = {"tenants": ",".join(batch)}
            yield from self._connection.ask(
                "GET",
                "/tenants/usages",
                query=query,
                read=items_of(TenantUsages.from_json),
            )


class Reports(Resource):
    def create(
        self,
        *,
        tenant_id: str,
        level: str,
        kind: str,
        period_start: date,
        period_end: date,
        report_format: str = "csv_v2_0",
        hide_zero_usage: bool = False,
    ) -> Report:
        """
        Ask for a report; its file is there a minute or two later, see ``stored``. (CreateReport)

        Between 01:00 and 06:00 UTC the vendor may not have the usage of the day before yet and answers 400.

        :param level: whose rows: ``accounts``, ``all_customers``, ``direct_partners``…
        :param kind: ``usage_daily`` or ``usage_summary``.
        :param period_start: first day, UTC.
        :param period_end: last day, included.
        """
        body = {
            "recipients": [],
            "result_action": "save",
            "parameters": {
                "tenant_id": tenant_id,
                "level": level,
                "kind": kind,
                "formats": [report_format],
                "period": {"start": period_start.isoformat(), "end": period_end.isoformat()},
                "hide_zero_usage": hide_zero_usage,
                "show_skus": False,
            },
            "schedule": {"type": "once"},
        }
        return self._connection.ask("POST", "/reports", body=body, read=Report.from_json)

    def stored(self, report_id: str) -> list[StoredReport]:
        """Return the files of a report, ready or not. (FetchStoredReports)"""
        path = path_to("reports", report_id, "stored")
        return self._connection.ask("GET", path, read=items_of(StoredReport.from_json))

    def rows(
        self, report_id: str, stored_id: str, *, required: Collection[str] = report_file.REQUIRED_COLUMNS
    ) -> Iterator[dict[str, str]]:
        """
        Stream the rows of a csv_v2_0 file by column name. (DownloadStoredReport)

        The download runs while the rows are taken: a caller that stops early closes the iterator.

        :raises MalformedAnswer: required columns are missing, or the file is broken or ends early.
        :raises TransportFailed: the connection broke; rows given out before are good, the rest is missing.
        """
        with closing(self.table(report_id, stored_id, required=required)) as table:
            header = next(table)
            for row in table:
                yield dict(zip(header, row, strict=True))

    def table(
        self, report_id: str, stored_id: str, *, required: Collection[str] = report_file.REQUIRED_COLUMNS
    ) -> Generator[list[str], None, None]:
        """Stream the header and then the rows as lists, for who counts microseconds; otherwise as ``rows``."""
        path = path_to("reports", report_id, "stored", stored_id)
        with self._connection.download(path) as chunks:
            try:
                yield from report_file.table(report_file.lines(report_file.unpacked(chunks)), required=required)
            except MalformedAnswer as error:
                raise error.in_answer_to("GET", path, outcome_unknown=False) from error.__cause__

    def lines(self, report_id: str, stored_id: str) -> Iterator[str]:
        """Stream the lines of a file as they are, unpacked, each with its end. (DownloadStoredReport)"""
        path = path_to("reports", report_id, "stored", stored_id)
        with self._connection.download(path) as chunks:
            try:
                yield from report_file.lines(report_file.unpacked(chunks))
            except MalformedAnswer as error:
                raise error.in_answer_to("GET", path, outcome_unknown=False) from error.__cause__

    def delete(self, report_id: str, *, version: int) -> None:
        """Delete a report and its files. (DeleteReport)"""
        self._connection.tell("DELETE", path_to("reports", report_id), query={"version": version})


class Idp(Resource):
    def one_time_token(self, login: str) -> str:
        """Return a token that signs this user in once, see ``external_login_url``. (RequestOneTimeToken)"""
        return self._connection.ask(
            "POST",
            "/idp/ott",
            body={"purpose": "user_login", "login": login},
            read=lambda value: Fields(value, "answer").text("ott"),
        )
