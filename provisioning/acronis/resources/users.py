"""Users: people who sign in at the vendor, what they may do there, and how they get in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.errors import Conflict, NotAcceptable
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import AccessPolicy, LoginCheck, VendorUser, in_batches, items_of, without_absent

# What stands for "not yet known" in a new access policy; the vendor fills it in.
NIL = "00000000-0000-0000-0000-000000000000"


class Users(Resource):
    """People of tenants. Logins are unique over the vendor's whole platform, e-mail addresses are not."""

    def check_login(self, login: str) -> LoginCheck:
        """
        Ask whether a new user may have a login. (CheckLoginNameAvailability: 204 free, 409 taken, 406 malformed)

        :param login: 3 characters at least: ASCII letters, digits and some signs; an e-mail address will do.
        :raises Unauthorized: the API client's access was not accepted.
        """
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

        Where ``outcome_unknown``, look among the users of the tenant before creating again.

        :param tenant_id: whose user.
        :param login: see ``check_login``.
        :param email: where the activation mail goes.
        :param firstname: may be empty.
        :param lastname: may be empty.
        :param language: of portal and mails, ``de`` for example; the vendor's default is ``en``.
        :raises Conflict: the login is taken, anywhere on the platform.
        :raises BadRequest: code 1033, the login is malformed, or another value is not accepted.
        """
        contact = {"email": email, "firstname": firstname, "lastname": lastname}
        body = without_absent({"tenant_id": tenant_id, "login": login, "contact": contact, "language": language})
        return self._connection.ask("POST", "/users", body=body, read=VendorUser.from_json)

    def of_tenant(self, tenant_id: str) -> list[VendorUser]:
        """
        Return a tenant's own users with their access policies, in one call. (FetchUsersBatch)

        :param tenant_id: whose; users of tenants below it are left out.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
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

    def by_ids(self, ids: Iterable[str]) -> Iterator[VendorUser]:
        """
        Iterate over users by id, with their access policies, a hundred in a call; unknown ones are missing. (FetchUsersBatch)

        :param ids: the vendor's ids.
        :raises BadRequest: an id is not a UUID.
        """
        for batch in in_batches(iter(ids)):
            query: Query = {"uuids": ",".join(batch), "with_access_policies": True}
            yield from self._pages("/users", query=query, read=VendorUser.from_json)

    def get(self, user_id: str) -> VendorUser:
        """
        Return a user, without access policies. (FetchUser)

        :param user_id: the vendor's id.
        :raises NotFound: there is no such user, or it is deleted.
        """
        return self._connection.ask("GET", path_to("users", user_id), read=VendorUser.from_json)

    def me(self) -> VendorUser:
        """
        Return the user in whose name we ask. (FetchCurrentUserInfo)

        Whether the vendor still answers it to an API client is not confirmed; ``clients.get`` knows our tenant for certain.

        :raises Unauthorized: we ask in nobody's name.
        """
        return self._connection.ask("GET", "/users/me", read=VendorUser.from_json)

    def update(self, user_id: str, *, version: int, **fields: Any) -> VendorUser:
        """
        Change some fields. (UpdateUser)

        A new e-mail address of an activated user waits until it is confirmed from a mail, and leaves the version as it was (the
        vendor's guide). So the version does not keep a second request from sending a second mail: a change of the address is
        not repeated after a lost answer, whose outcome is then unknown.

        :param user_id: the vendor's id.
        :param version: as last read.
        :param fields: the vendor's field names with their new values; ``contact`` is merged field by field.
        :raises Conflict: with ``is_stale`` if the user changed since ``version`` was read, else the login is taken.
        :raises NotFound: there is no such user, or it is deleted.
        """
        body = {"version": version, **fields}
        sends_mail = "email" in (fields.get("contact") or {})
        return self._connection.ask("PUT", path_to("users", user_id), body=body, read=VendorUser.from_json, once=sends_mail)

    def delete(self, user_id: str, *, version: int) -> None:
        """
        Delete a user; disable it first. (DeleteUser)

        :param user_id: the vendor's id.
        :param version: as last read, after it was disabled.
        :raises Conflict: with ``is_stale`` if the user changed since ``version`` was read.
        :raises NotFound: it is gone already, perhaps by an earlier attempt whose answer was lost.
        """
        self._connection.tell("DELETE", path_to("users", user_id), query={"version": version})

    def restore(self, user_id: str, *, force: bool = False, enable: bool = False) -> None:
        """
        Bring back a deleted user, for as long as the vendor keeps it. (RestoreDeletedUser)

        :param user_id: the vendor's id.
        :param force: also if its login was given away meanwhile; the vendor then adds something to it.
        :param enable: also let it sign in again.
        :raises Conflict: its login was given away meanwhile.
        :raises NotFound: there is no such user, or it is past restoring.
        """
        self._connection.tell("POST", path_to("users", user_id, "restore"), query={"force": force, "enable": enable})

    def access_policies(self, user_id: str) -> list[AccessPolicy]:
        """
        Return the roles of a user. (FetchUserAccessPolicies)

        :param user_id: the vendor's id.
        :raises NotFound: there is no such user, or it is deleted.
        """
        path = path_to("users", user_id, "access_policies")
        return list(self._pages(path, query={}, read=AccessPolicy.from_json))

    def set_access_policies(self, user_id: str, grants: Sequence[tuple[str, str]]) -> list[AccessPolicy]:
        """
        Replace all roles of a user. (UpdateUserAccessPolicies)

        :param user_id: the vendor's id.
        :param grants: pairs of tenant id and role id; none takes every role away.
        :raises BadRequest: the role does not exist for this kind of tenant.
        :raises NotFound: there is no such user, or it is deleted.
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
        """
        Set a password, which also activates the user. (SetUserPassword)

        :param user_id: the vendor's id; of a tenant below our own.
        :param password: any characters; the vendor's portal asks for 9 at least. No log line and no error shows it.
        :raises BadRequest: the password is not accepted.
        :raises Forbidden: the user belongs to our own tenant.
        :raises NotFound: there is no such user, or it is deleted.
        """
        path = path_to("users", user_id, "password")
        self._connection.tell("POST", path, body={"password": password}, secrets=(password,))

    def send_activation_email(self, user_id: str) -> None:
        """
        Have the vendor mail a link by which the user sets a password. Each call sends one. (SendActivationEmail)

        :param user_id: the vendor's id.
        :raises NotFound: there is no such user, or it is deleted.
        """
        self._connection.tell("POST", path_to("users", user_id, "send-activation-email"), body={})

    def set_mfa(self, user_id: str, *, enabled: bool) -> None:
        """
        Ask one user for a second factor, or stop asking; ``mfa_status`` of the user says how it stands. Repeating does
        nothing. (In the vendor's guide, not in its OpenAPI description: PUT /users/{user_id}/mfa/status.)

        :param user_id: the vendor's id.
        :param enabled: whether the user is asked.
        :raises NotFound: there is no such user, or it is deleted.
        """
        self._connection.tell("PUT", path_to("users", user_id, "mfa", "status"), body={"enabled": enabled})
