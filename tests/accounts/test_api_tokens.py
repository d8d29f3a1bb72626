"""API tokens: made once, kept as a hash, used within their scopes until they end; the pages around them, and the back office."""

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.urls import reverse

from accounts import api_tokens
from accounts.models import ApiToken, Organization, User
from common.errors import FieldRefused
from tests import factories
from tests.conftest import Personas

AT = datetime(2026, 10, 15, 9, 0, tzinfo=UTC)
LIST, ADD = "accounts:tokens", "accounts:add_token"


@pytest.fixture(autouse=True)
def _in_october() -> Any:
    with time_machine.travel(AT, tick=False):
        yield


def made(organization: Organization, by: User | None = None, **facts: Any) -> api_tokens.NewToken:
    wanted = {"name": "Website", "scopes": ["catalog:read"], "by": by or factories.UserFactory(), "at": AT, **facts}
    return api_tokens.create_token(organization_id=organization.pk, **wanted)


def revoke_url(token: ApiToken) -> str:
    return reverse("accounts:revoke_token", args=[token.prefix])


def shown_secret(page: str) -> str:
    found = re.search(r"ct_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", page)
    assert found is not None
    return found[0]


# --- Making ---------------------------------------------------------------------------------------------------------------


def test_a_token_begins_with_its_prefix_and_only_its_hash_is_kept(personas: Personas) -> None:
    new = made(personas.direct_customer, personas.dora)

    assert re.fullmatch(r"ct_[a-z2-9]{8}_[A-Za-z0-9_-]{43}", new.secret)
    assert new.secret.startswith(f"{new.row.prefix}_")
    assert re.fullmatch("[0-9a-f]{64}", new.row.token_hash)
    assert new.secret not in repr(new)


def test_the_token_is_in_no_table_of_the_database(personas: Personas) -> None:
    page = personas.client("dora").post(reverse(ADD), {"name": "Website", "scopes": ["catalog:read"]}).content.decode()
    secret = shown_secret(page).split("_", 2)[2]

    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        holding = []
        for table in tables:
            cursor.execute(f'SELECT 1 FROM "{table}" AS row WHERE row::text LIKE %s LIMIT 1', [f"%{secret}%"])  # noqa: S608
            holding += [table] if cursor.fetchone() else []

    assert "accounts_apitoken" in tables
    assert holding == []


def test_no_two_tokens_are_alike(personas: Personas) -> None:
    first, second = made(personas.direct_customer), made(personas.direct_customer, name="Shop")

    assert len({first.secret, second.secret, first.row.prefix, second.row.prefix}) == 4


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["partner:read"]}, "scopes"),
        ({"scopes": ["catalog:read", "everything"]}, "scopes"),
        ({"expires_at": AT}, "expires_on"),
    ],
    ids=["no scope", "a reseller's scope", "an unknown scope", "expired already"],
)
def test_a_token_that_could_not_be_used_is_refused_beside_its_field(personas: Personas, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        made(personas.direct_customer, **facts)

    assert refused.value.field == field
    assert not ApiToken.objects.exists()


def test_resellers_alone_have_tokens_for_partner_prices(personas: Personas) -> None:
    new = made(personas.reseller, scopes=["partner:write", "catalog:read", "partner:read"])

    assert new.row.scopes == ["catalog:read", "partner:read", "partner:write"]


def test_a_name_is_free_again_once_its_token_is_revoked(personas: Personas) -> None:
    first = made(personas.direct_customer).row
    with pytest.raises(FieldRefused, match="usable token named"):
        made(personas.direct_customer, name="WEBSITE")

    api_tokens.revoke_token(token_id=first.pk, at=AT)

    assert made(personas.direct_customer).row.prefix != first.prefix


def test_an_organization_has_at_most_fifty_usable_tokens(personas: Personas) -> None:
    for number in range(api_tokens.MOST_TOKENS):
        ApiToken.objects.create(
            organization=personas.direct_customer,
            name=f"T{number}",
            prefix=f"ct_{number:08}",
            token_hash=f"{number:064}",
            scopes=["catalog:read"],
            created_at=AT,
        )

    with pytest.raises(api_tokens.TooManyTokens, match="50 usable tokens"):
        made(personas.direct_customer)


# --- Using ----------------------------------------------------------------------------------------------------------------


def test_a_token_lets_in_for_its_organization(personas: Personas) -> None:
    secret = made(personas.direct_customer).secret

    assert api_tokens.authenticate(secret, at=AT).organization == personas.direct_customer


@pytest.mark.parametrize(
    "shown",
    ["", "ct_", "ct_abcdefgh", "Bearer", "ct_abcdefgh_" + "a" * 43, "ct_abcdefgh_" + "a" * 10_000, "ct_äöüäöüäö_" + "a" * 43],
)
def test_what_is_no_token_is_refused_with_one_and_the_same_sentence(personas: Personas, shown: str) -> None:
    with pytest.raises(api_tokens.TokenRefused, match=r"^This is not an API token of ours\.$"):
        api_tokens.authenticate(shown, at=AT)


def test_garbage_does_not_reach_the_database(personas: Personas, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0), pytest.raises(api_tokens.TokenRefused):
        api_tokens.authenticate("' OR 1=1 --", at=AT)


def test_one_changed_sign_makes_it_another_token(personas: Personas) -> None:
    secret = made(personas.direct_customer).secret
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")

    with pytest.raises(api_tokens.TokenRefused):
        api_tokens.authenticate(other, at=AT)


def test_a_revoked_token_lets_nobody_in_and_revoking_again_keeps_the_first_time(personas: Personas) -> None:
    new = made(personas.direct_customer)

    api_tokens.revoke_token(token_id=new.row.pk, at=AT)
    api_tokens.revoke_token(token_id=new.row.pk, at=AT + timedelta(days=1))

    new.row.refresh_from_db()
    assert new.row.revoked_at == AT
    with pytest.raises(api_tokens.TokenRefused, match="was revoked"):
        api_tokens.authenticate(new.secret, at=AT)


def test_a_token_expires_at_its_moment_and_not_before(personas: Personas) -> None:
    end = AT + timedelta(days=30)
    secret = made(personas.direct_customer, expires_at=end).secret

    assert api_tokens.authenticate(secret, at=end - timedelta(microseconds=1))
    with pytest.raises(api_tokens.TokenRefused, match="has expired"):
        api_tokens.authenticate(secret, at=end)


def test_use_is_written_down_once_an_hour(personas: Personas, django_assert_num_queries: Any) -> None:
    new = made(personas.direct_customer)
    times = [AT, AT + timedelta(minutes=59), AT + timedelta(minutes=60)]
    written = []

    for moment, queries in zip(times, [2, 1, 2], strict=True):
        with django_assert_num_queries(queries):
            api_tokens.authenticate(new.secret, at=moment)
        new.row.refresh_from_db()
        written.append(new.row.last_used_at)

    assert written == [times[0], times[0], times[2]]


# --- Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [LIST, ADD])
def test_the_pages_are_for_administrators(personas: Personas, url: str) -> None:
    expected = {"dora": 200, "alice": 200, "carol": 200, "vic": 403, "stranger": 403, "bert": 403, "nobody": 302}

    assert {who: personas.client(who).get(reverse(url)).status_code for who in expected} == expected


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_is_revoked_by_its_own_organization_only(personas: Personas, method: str) -> None:
    token = made(personas.direct_customer).row
    expected = {"carol": 404, "alice": 404, "vic": 403, "stranger": 403, "nobody": 302}

    answers = {who: getattr(personas.client(who), method)(revoke_url(token)).status_code for who in expected}

    token.refresh_from_db()
    assert answers == expected
    assert token.revoked_at is None


def test_the_token_is_shown_once(personas: Personas) -> None:
    client = personas.client("dora")

    first = client.post(reverse(ADD), {"name": "Website", "scopes": ["catalog:read"], "expires_on": "2026-10-31"})
    secret = shown_secret(first.content.decode())
    again = client.post(reverse(ADD), {"name": "Website", "scopes": ["catalog:read"], "expires_on": "2026-10-31"})
    listed = client.get(reverse(LIST)).content.decode()

    token = ApiToken.objects.get()
    assert "no-store" in first.headers["Cache-Control"]
    assert api_tokens.authenticate(secret, at=AT) == token
    assert token.expires_at == datetime(2026, 10, 31, 23, 0, tzinfo=UTC)  # midnight in Berlin
    assert (token.created_by, token.scopes) == (personas.dora, ["catalog:read"])
    assert "There is a usable token named" in again.content.decode()
    assert secret not in again.content.decode() + listed
    assert token.prefix in listed


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "n" * 101}, "at most 100 characters"),
        ({"scopes": []}, "Choose what the token may be used for."),
        ({"scopes": ["partner:read"]}, "Select a valid choice"),
        ({"expires_on": "2026-10-14"}, "would have expired already"),
        ({"expires_on": "9999-12-31"}, "within 10 years"),
        ({"expires_on": "soon"}, "Enter a valid date."),
    ],
    ids=["no name", "long name", "no scope", "another's scope", "yesterday", "far away", "no date"],
)
def test_what_is_wrong_is_said_and_nothing_is_made(personas: Personas, typed: dict[str, Any], sentence: str) -> None:
    filled = {"name": "Website", "scopes": ["catalog:read"], "expires_on": "", **typed}

    page = personas.client("dora").post(reverse(ADD), filled).content.decode()

    assert sentence in page
    assert not ApiToken.objects.exists()


def test_resellers_are_offered_partner_scopes_and_customers_are_not(personas: Personas) -> None:
    pages = {who: personas.client(who).get(reverse(ADD)).content.decode() for who in ("alice", "dora", "carol")}

    assert ["partner:write" in pages[who] for who in ("alice", "dora", "carol")] == [True, False, False]


def test_revoking_asks_first_and_says_what_has_happened(personas: Personas) -> None:
    client, token = personas.client("dora"), made(personas.direct_customer).row

    asked = client.get(revoke_url(token)).content.decode()
    token.refresh_from_db()
    state_after_asking = token.revoked_at
    told = client.post(revoke_url(token), follow=True).content.decode()

    token.refresh_from_db()
    assert "cannot be undone" in asked
    assert state_after_asking is None
    assert "Website is revoked." in told
    assert token.revoked_at == AT


def test_the_list_tells_the_state_of_each_token_and_says_what_an_empty_one_means(personas: Personas) -> None:
    client = personas.client("dora")
    empty = client.get(reverse(LIST)).content.decode()
    made(personas.direct_customer, name="Old", expires_at=AT + timedelta(seconds=1))
    api_tokens.revoke_token(token_id=made(personas.direct_customer, name="Lost").row.pk, at=AT)
    made(personas.direct_customer, name="Good")
    made(personas.reseller, name="Somebody else's")

    with time_machine.travel(AT + timedelta(days=1), tick=False):
        page = client.get(reverse(LIST)).content.decode()

    assert "There are no API tokens yet" in empty
    assert [page.count(f">{state}<") for state in ("usable", "expired", "revoked")] == [1, 1, 1]
    assert page.count("Read plans and prices") == 3
    assert "Somebody else" not in page


def test_the_list_asks_as_much_for_thirty_tokens_as_for_one(personas: Personas, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        made(personas.direct_customer, personas.dora, name=f"Token {number}")
    client = personas.client("dora")

    with django_assert_max_num_queries(9):
        assert client.get(reverse(LIST)).status_code == 200


def test_only_administrators_find_the_way_to_the_tokens(personas: Personas) -> None:
    url = reverse("accounts:organization")

    assert reverse(LIST) in personas.client("dora").get(url).content.decode()
    assert reverse(LIST) not in personas.client("vic").get(url).content.decode()


def test_a_token_made_is_written_to_no_log(personas: Personas, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    page = personas.client("dora").post(reverse(ADD), {"name": "Website", "scopes": ["catalog:read"]}).content.decode()

    assert shown_secret(page) not in caplog.text


# --- Back office ----------------------------------------------------------------------------------------------------------


def test_staff_find_a_token_by_what_people_quote_and_revoke_it(personas: Personas) -> None:
    token = made(personas.direct_customer, personas.dora).row
    made(personas.reseller, name="Another")
    client, change = personas.client("mira"), reverse("admin:accounts_apitoken_change", args=[token.pk])

    for words in (token.prefix, personas.direct_customer.number, "Dora Design", "website"):
        listed = client.get(reverse("admin:accounts_apitoken_changelist"), {"q": words}).content.decode()
        assert token.prefix in listed
        assert "Another" not in listed
    asked = client.get(reverse("admin:accounts_apitoken_revoke", args=[token.pk])).content.decode()
    client.post(reverse("admin:accounts_apitoken_revoke", args=[token.pk]))

    page = client.get(change).content.decode()
    token.refresh_from_db()
    assert "It was never used." in asked
    assert token.revoked_at == AT
    assert token.token_hash not in page
    assert reverse("admin:accounts_apitoken_revoke", args=[token.pk]) not in page


@pytest.mark.parametrize(("state", "expected"), [("usable", {"Good"}), ("ended", {"Old", "Lost"}), ("", {"Good", "Old", "Lost"})])
def test_staff_filter_tokens_by_state(personas: Personas, state: str, expected: set[str]) -> None:
    made(personas.direct_customer, name="Old", expires_at=AT + timedelta(seconds=1))
    api_tokens.revoke_token(token_id=made(personas.direct_customer, name="Lost").row.pk, at=AT)
    made(personas.direct_customer, name="Good")

    with time_machine.travel(AT + timedelta(hours=1), tick=False):
        page = personas.client("mira").get(reverse("admin:accounts_apitoken_changelist"), {"state": state} if state else {})

    assert {token.name for token in page.context["cl"].result_list} == expected


def test_staff_without_the_permission_neither_see_nor_revoke_tokens(personas: Personas) -> None:
    token = made(personas.direct_customer).row
    client = personas.client("bert")

    answers = [
        client.get(reverse("admin:accounts_apitoken_changelist")).status_code,
        client.get(reverse("admin:accounts_apitoken_change", args=[token.pk])).status_code,
        client.post(reverse("admin:accounts_apitoken_revoke", args=[token.pk])).status_code,
    ]

    token.refresh_from_db()
    assert answers == [403, 403, 403]
    assert token.revoked_at is None


def test_nobody_makes_or_edits_a_token_in_the_back_office(personas: Personas) -> None:
    token = made(personas.direct_customer).row
    client = personas.client("root")

    added = client.get(reverse("admin:accounts_apitoken_add")).status_code
    changed = client.post(reverse("admin:accounts_apitoken_change", args=[token.pk]), {"name": "Other"}).status_code
    deleted = client.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"}).status_code

    try:
        token.refresh_from_db()
    except ObjectDoesNotExist:
        pytest.fail("the token is gone")
    assert (added, changed, deleted) == (403, 403, 403)
    assert token.name == "Website"
