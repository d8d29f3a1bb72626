"""Programs that may use the API: our own registration, and those made with it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provisioning.acronis.connection import path_to
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import ApiClient, NewApiClient, in_batches, items_of, without_absent


class Clients(Resource):
    """API clients. A client may do what the user who made it may, and nothing while its tenant is disabled."""

    def get(self, client_id: str) -> ApiClient:
        """
        Return a registration, normally our own: its tenant is our root. (FetchClient)

        :param client_id: the vendor's id of the client.
        :raises NotFound: there is no such client, or it lives in another data centre.
        """
        return self._connection.ask("GET", path_to("clients", client_id), read=ApiClient.from_json)

    def by_ids(self, ids: Iterable[str]) -> Iterator[ApiClient]:
        """
        Iterate over registrations by id, a hundred in a call; unknown ones are missing. (FetchClientsBatch)

        :param ids: the vendor's ids of the clients.
        :raises BadRequest: an id is not a UUID.
        """
        for batch in in_batches(iter(ids)):
            yield from self._connection.ask("GET", "/clients", query={"uuids": ",".join(batch)}, read=items_of(ApiClient.from_json))

    def create(self, *, tenant_id: str, name: str, redirect_uris: Sequence[str] = ()) -> NewApiClient:
        """
        Register a program that signs in with id and secret. Each call registers one. (CreateClient)

        Nothing tells two registrations of one name apart: where ``outcome_unknown``, delete what should not be there.

        :param tenant_id: the tenant the program is to manage, with all below it.
        :param name: what people are to call it.
        :param redirect_uris: where its users may be sent back to after signing in; none for a program without users.
        :returns: the registration with its secret, which the vendor never shows again.
        :raises BadRequest: the tenant is disabled, or a value is not accepted.
        """
        body: dict[str, Any] = {
            "type": "api_client",
            "tenant_id": tenant_id,
            "token_endpoint_auth_method": "client_secret_basic",
            "data": {"client_name": name},
        }
        if redirect_uris:
            body["redirect_uris"] = [*redirect_uris]
        return self._connection.ask("POST", "/clients", body=body, read=NewApiClient.from_json)

    def update(self, client_id: str, *, name: str | None = None, enabled: bool | None = None) -> ApiClient:
        """
        Rename a registration, or turn it off and on; one that is off gets no tokens. (UpdateClient)

        :param client_id: the vendor's id of the client.
        :param name: what people are to call it; None leaves it.
        :param enabled: whether it gets tokens; None leaves it. Turning off our own cannot be undone through it.
        :raises NotFound: there is no such client.
        """
        status = None if enabled is None else "enabled" if enabled else "disabled"
        body = without_absent({"data": None if name is None else {"client_name": name}, "status": status})
        return self._connection.ask("PUT", path_to("clients", client_id), body=body, read=ApiClient.from_json)

    def delete(self, client_id: str) -> None:
        """
        Remove a registration for good; its secret and its tokens are worth nothing from then on. (DeleteClient)

        :param client_id: the vendor's id of the client.
        :raises NotFound: it is gone already, perhaps by an earlier attempt whose answer was lost.
        """
        self._connection.tell("DELETE", path_to("clients", client_id))
