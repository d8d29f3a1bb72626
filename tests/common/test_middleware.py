"""What is answered before any page is asked."""

import pytest


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
