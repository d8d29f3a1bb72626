"""VAT ids: what is taken, how it is written down, and what is refused."""

import pytest

from accounts.vat_ids import check_vat_id, is_eu_vat_id
from common.errors import FieldRefused


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("de 129.273-398", "DE", "DE129273398"),
        ("BE 697.449.992", "BE", "BE0697449992"),
        ("el094259216", "GR", "EL094259216"),
        ("FR 61 954 506 077", "MC", "FR61954506077"),
        ("980 7806 84", "GB", "GB980780684"),
        ("XI980780684", "GB", "XI980780684"),
        ("CHE-107.787.577 MWST", "CH", "CHE107787577MWST"),
        ("CHE-107.787.577", "CH", "CHE107787577"),
        ("T7000012050002", "JP", "T7000012050002"),
        ("NO 995 525 828 MVA", "NO", "995525828MVA"),
        ("12-3456789", "US", "123456789"),
        ("  ", "DE", ""),
    ],
)
def test_an_id_is_kept_as_its_country_writes_it(typed: str, country: str, kept: str) -> None:
    assert check_vat_id(typed, country) == kept
    assert check_vat_id(kept, country) == kept


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("DE129273399", "DE"),
        ("DE12927339", "DE"),
        ("129273398", "DE"),
        ("FR61954506077", "DE"),
        ("XI980780685", "GB"),
        ("CHE-123.456.789", "CH"),
        ("9955258280", "NO"),
        ("x" * 29, "US"),
        ("DE129273398\0", "DE"),
        ("ＤＥ１２", "DE"),
    ],
)
def test_what_cannot_be_an_id_is_refused_beside_its_field(typed: str, country: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        check_vat_id(typed, country)

    assert refused.value.field == "tax_id"


@pytest.mark.parametrize(
    ("vat_id", "country", "counts"),
    [
        ("ATU57194903", "AT", True),
        ("FR61954506077", "MC", True),
        ("XI980780684", "GB", False),
        ("CHE107787577", "CH", False),
        ("ATU57194903", "DE", False),
        ("", "AT", False),
    ],
)
def test_only_right_ids_of_the_eu_count_for_reverse_charge(vat_id: str, country: str, counts: bool) -> None:
    assert is_eu_vat_id(vat_id, country) is counts
