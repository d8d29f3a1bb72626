"""The VAT id in checkout's billing information."""

import pytest
from django.http import QueryDict

from ordering.forms import BillingForm

TYPED = "billing_email=a@b.example&address_line1=Weg+1&postcode=20457&city=Hamburg"


@pytest.mark.parametrize(
    ("country", "typed", "kept", "refused"),
    [
        ("DE", "de 129 273 398", "DE129273398", []),
        ("DE", "", "", []),
        ("DE", "DE129273399", None, ["tax_id"]),
        ("AT", "DE129273398", None, ["tax_id"]),
    ],
)
def test_a_vat_id_is_checked_and_kept_as_its_country_writes_it(
    country: str, typed: str, kept: str | None, refused: list[str]
) -> None:
    form = BillingForm(QueryDict(f"{TYPED}&country={country}&tax_id={typed}"))

    assert list(form.errors) == refused
    assert form.cleaned_data.get("tax_id") == kept
