"""Signing people in at the vendor without their password."""

from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import Fields, without_absent


class Idp(Resource):
    """The vendor's identity provider, as far as an API client uses it. Our own token is fetched in ``auth``."""

    def one_time_token(self, login: str | None = None, *, user_id: str | None = None) -> str:
        """
        Return a token that signs one user in once, within minutes; see ``external_login_url``. It is worth a password:
        show it to nobody else, keep it nowhere. (RequestOneTimeToken)

        :param login: whom, by login.
        :param user_id: whom, by the vendor's id; give one of the two.
        :raises BadRequest: there is no such user.
        :raises Forbidden: the user or its tenant is disabled, is not below ours, or keeps its provider out.
        :raises ValueError: both are given, or neither.
        """
        if (login is None) == (user_id is None):
            raise ValueError("either a login or a user id")
        body = {"purpose": "user_login", **without_absent({"login": login, "user_id": user_id})}
        return self._connection.ask("POST", "/idp/ott", body=body, read=lambda value: Fields(value, "answer").text("ott"))
