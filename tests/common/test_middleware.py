"""What is answered before any page is asked."""

import pytest

from catalog.models import Marketplace


@pytest.mark.parametrize(
    ("person", "address"),
    [
        ("dora", "/products/%00/"),
        ("dora", "/orders/O1%00/"),
        ("dora", "/services/%00/"),
        ("dora", "/orders/?q=%00"),
        ("root", "/bss/ordering/order/?status__exact=%00"),
        ("root", "/bss/accounts/organization/?parent=%00"),
    ],
)
def test_an_address_with_a_nul_character_names_nothing(personas, person, address):
    answer = personas.client(person).get(address)

    assert answer.status_code == 404
    assert b"There is nothing at this address" in answer.content


@pytest.mark.parametrize("person", ["nobody", "dora", "alice"])
@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/products/none/", "/partner/plans/export/", "/m/alster/"])
def test_what_a_page_tells_one_reader_is_kept_by_no_cache_for_another(personas, person, address):
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster Backup")

    answer = personas.client(person).get(address)

    assert "private" in answer["Cache-Control"]


def test_what_is_the_same_for_everybody_may_be_kept(personas):
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster Backup")

    assert "public" in personas.client("nobody").get("/m/alster/theme.css")["Cache-Control"]
