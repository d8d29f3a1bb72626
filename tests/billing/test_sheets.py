"""Reading a rate card sheet: what is taken, and each way to be wrong."""

import io
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.formula import ArrayFormula

from billing.sheet_format import write_format
from billing.sheets import HEADER, LONGEST_SHEET, KnownItem, Sheet, SheetRefused, SheetRow, examine_sheet, read_sheet
from tests.billing.sheets import KNOWN_ITEMS, NOTARIZATIONS, PLAIN_HEADER, STORAGE_ROW, workbook

LIMIT = 1024 * 1024


def read(content: bytes, *, limit_bytes: int = LIMIT) -> Sheet:
    return read_sheet(io.BytesIO(content), known_items=KNOWN_ITEMS, limit_bytes=limit_bytes)


def refusal(content: bytes, *, limit_bytes: int = LIMIT) -> list[str]:
    with pytest.raises(SheetRefused) as refused:
        read(content, limit_bytes=limit_bytes)
    return [str(error) for error in refused.value.errors]


def repacked(content: bytes, **parts: bytes) -> bytes:
    """Return the workbook with some of its parts replaced, or added."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename not in parts:
                new.writestr(part.filename, old.read(part))
        for name, xml in parts.items():
            new.writestr(name, xml)
    return packed.getvalue()


# --- What is taken ------------------------------------------------------------------------------------------------------


def test_a_filled_sheet_gives_its_rates_exactly() -> None:
    content = workbook(
        [
            STORAGE_ROW,
            ("pg_base_adv_dr_compute_points", "pck_per_gigabyte", "Hour", 1, 2.5, None),
            ("notarizations", None, "unit", 0, 0.1),
        ]
    )

    sheet = read(content)

    assert sheet.rows == [
        SheetRow(2, "pg_base_storage", "pck_per_gigabyte", "GiB", Decimal("0.03"), Decimal("0.07"), "last"),
        SheetRow(3, "pg_base_adv_dr_compute_points", "pck_per_gigabyte", "hour", Decimal(1), Decimal("2.5"), "sum"),
        SheetRow(4, "notarizations", "", "unit", Decimal(0), Decimal("0.1"), "sum"),
    ]


def test_the_aggregation_column_may_be_left_out() -> None:
    content = workbook([STORAGE_ROW[:5]], header=PLAIN_HEADER[:5])

    assert read(content).rows[0].aggregation == "last"


def test_an_item_may_go_by_the_name_of_its_usage() -> None:
    content = workbook([("storage", "pck_per_gigabyte", "GiB", 0.03, 0.07)])

    assert read(content).rows[0].item == "pg_base_storage"


def test_blank_rows_are_no_rates_and_unpriced_rows_are_counted() -> None:
    content = workbook([(None,) * 6, STORAGE_ROW, ("notarizations", None, "unit", None, None, "sum"), ("  ", None)])

    sheet = read(content)

    assert [row.line for row in sheet.rows] == [3]
    assert sheet.left_out == 1


def test_the_downloaded_format_is_read_back_once_it_is_filled() -> None:
    book = load_workbook(io.BytesIO(write_format(KNOWN_ITEMS)))
    card = book["Rate card"]
    for row in card.iter_rows(min_row=2):
        row[3].value, row[4].value = 0.5, 0.75
    filled = io.BytesIO()
    book.save(filled)

    sheet = read(filled.getvalue())

    assert {(row.item, row.edition, row.unit, row.aggregation) for row in sheet.rows} == {
        (item.name, item.edition, item.unit, item.aggregation) for item in KNOWN_ITEMS
    }


def test_the_downloaded_format_offers_lists_and_notes() -> None:
    book = load_workbook(io.BytesIO(write_format(KNOWN_ITEMS)))

    assert [cell.value for cell in book["Rate card"][1]] == list(HEADER)
    assert "How to fill in" in book["Notes"]["A1"].value
    assert {str(rule.sqref)[0]: rule.type for rule in book["Rate card"].data_validations.dataValidation} == {
        "A": "list",
        "B": "list",
        "C": "list",
        "D": "decimal",
        "E": "decimal",
        "F": "decimal",
        "G": "decimal",
        "H": "list",
        "I": "list",
    }
    assert {cell.value for cell in book["Lists"]["A"]} >= {"pg_base_storage", "storage", "notarizations"}


def test_the_format_of_a_group_without_items_still_opens() -> None:
    book = load_workbook(io.BytesIO(write_format([])))

    assert book["Rate card"].max_row == 1


@settings(max_examples=25)
@given(st.decimals(min_value=0, max_value=99_999, places=10, allow_nan=False))
def test_a_price_typed_in_is_the_price_that_is_read(price: Decimal) -> None:
    content = workbook([("notarizations", None, "unit", 0, float(price))])

    assert read(content).rows[0].price == price


def test_five_thousand_rows_are_all_read() -> None:
    items = [KnownItem("pck_per_gigabyte", f"pg_{n}", f"use_{n}", "GiB", "last") for n in range(5000)]
    content = workbook([(item.name, item.edition, "GiB", 0.01, 0.02, "max") for item in items])

    sheet = read_sheet(io.BytesIO(content), known_items=items, limit_bytes=LIMIT)

    assert len(sheet.rows) == 5000


# --- Files that are no rate card ----------------------------------------------------------------------------------------


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == ["The file is empty."]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"Item;Edition;Unit;Cost;Price\npg_base_storage;;GiB;0,03;0,07\n", id="csv renamed"),
        pytest.param(workbook([STORAGE_ROW])[:3000], id="cut off"),
        pytest.param(repacked(workbook([STORAGE_ROW]), **{"xl/workbook.xml": b"<workbook"}), id="broken xml"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    [sentence] = refusal(content)

    assert "Save it again as “Excel workbook”" in sentence


def test_an_old_workbook_or_one_with_a_password_is_told_as_such() -> None:
    [sentence] = refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)

    assert (
        sentence == "It is an old Excel file (.xls), or it has a password. Save it again as “Excel workbook” (.xlsx), without one."
    )


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("holiday.txt", "sun")

    [sentence] = refusal(packed.getvalue())

    assert "damaged" in sentence


def test_bytes_flipped_inside_the_workbook_are_noticed() -> None:
    content = bytearray(workbook([STORAGE_ROW]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offset = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 90
    content[offset : offset + 20] = b"\xff" * 20

    [sentence] = refusal(bytes(content))

    assert "damaged" in sentence


def test_fifty_megabytes_are_refused_without_being_read() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def seek(self, *_: Any) -> int:
            return 0

        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= LIMIT + 1
            self.taken += size
            return b"P" * size

    file = Endless()

    with pytest.raises(SheetRefused, match="larger than 1 MiB"):
        read_sheet(file, known_items=KNOWN_ITEMS, limit_bytes=LIMIT)
    assert file.taken == LIMIT + 1


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = repacked(workbook([STORAGE_ROW]), **{"xl/sharedStrings.xml": b" " * 50_000_000})

    assert len(bomb) < LIMIT
    assert refusal(bomb) == ["The workbook unpacks to far more than a rate card of 20,000 rows needs."]


def test_a_workbook_of_thousands_of_parts_is_refused() -> None:
    crowd = repacked(workbook([STORAGE_ROW]), **{f"xl/{n}.xml": b"" for n in range(600)})

    assert refusal(crowd) == ["The workbook unpacks to far more than a rate card of 20,000 rows needs."]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_a_document_type_is_refused(encoding: str) -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lot "&lol;&lol;">]><sst>&lot;</sst>'
    content = repacked(workbook([STORAGE_ROW]), **{"xl/sharedStrings.xml": laughs.encode(encoding)})

    assert refusal(content) == ["The workbook holds a document type definition, which Excel never writes."]


MAY = (
    "The header is made of Item, Edition, Unit, Cost, Price and, if you like, Tier from, Tier to, Tier mode, Aggregation, "
    "in any order."
)


@pytest.mark.parametrize(
    ("header", "sentences"),
    [
        pytest.param(("Item", "Edition", "Cost", "Price"), ["Row 1: The header has no “Unit”."], id="one missing"),
        pytest.param((*PLAIN_HEADER, "Discount"), ["Row 1, G: “Discount” is no column of a rate card."], id="one more"),
        pytest.param((*PLAIN_HEADER, " COST "), ["Row 1, G: “Cost” is the title of column D already."], id="one twice"),
        pytest.param(
            ("Item", "Edition", "Einheit", "Kosten", "Price"),
            [
                "Row 1, C: “Einheit” is no column of a rate card.",
                "Row 1, D: “Kosten” is no column of a rate card.",
                "Row 1: The header has no “Unit” and no “Cost”.",
            ],
            id="other words",
        ),
        pytest.param(
            (None,), ["Row 1: The header has no “Item” and no “Edition” and no “Unit” and no “Cost” and no “Price”."], id="none"
        ),
    ],
)
def test_another_header_is_refused(header: tuple[str, ...], sentences: list[str]) -> None:
    assert refusal(workbook([STORAGE_ROW], header=header)) == [*sentences, f"Row 1: {MAY}"]


def test_columns_are_known_by_their_titles_in_any_order_case_and_spacing() -> None:
    order = ("aggregation ", "PRICE", None, "Tier  from", " cost", "Unit", "Edition", "item")
    row = ("max", 0.07, None, None, 0.03, "GiB", "pck_per_gigabyte", "pg_base_storage")

    [rate] = read(workbook([row], header=order)).rows

    assert (rate.item, rate.cost, rate.price, rate.aggregation) == ("pg_base_storage", Decimal("0.03"), Decimal("0.07"), "max")


def test_a_value_in_a_column_without_a_title_is_not_passed_over() -> None:
    content = workbook([(*STORAGE_ROW, "see mail of 3 May")])

    assert refusal(content) == ["Row 2, G: There is a value, but the column has no title in row 1."]


def test_a_sheet_without_any_rate_is_refused() -> None:
    assert refusal(workbook([])) == ["The sheet has no row with a cost and a price."]
    assert refusal(write_format(KNOWN_ITEMS)) == ["The sheet has no row with a cost and a price."]


def test_a_sheet_that_never_ends_is_refused() -> None:
    sheet = b"".join(
        [
            b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>',
            b'<row r="1">',
            *(b'<c t="inlineStr"><is><t>%s</t></is></c>' % title.encode() for title in HEADER),
            b'</row><row r="1048576"><c r="A1048576" t="inlineStr"><is><t>far away</t></is></c></row></sheetData></worksheet>',
        ]
    )

    [sentence] = refusal(repacked(workbook([STORAGE_ROW]), **{"xl/worksheets/sheet1.xml": sheet}))

    assert f"more than {LONGEST_SHEET:,} rows" in sentence


# --- Cells that are wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("tape_robot", "", "unit", 1, 2), "Row 2, Item: “tape_robot” is not an item of the vendor that we know."),
        ((None, "pck_per_gigabyte", "GiB", 1, 2), "Row 2, Item: It is missing."),
        ((4711, None, "unit", 1, 2), "Row 2, Item: “4711” is not text."),
        (("pg_base_storage", "premium", "GiB", 1, 2), "Row 2, Edition: “premium” is not an edition that we know."),
        (("pg_base_storage", None, "GiB", 1, 2), "Row 2, Edition: “pg_base_storage” does not exist with an empty edition."),
        (
            ("pg_base_storage", "fss_per_user", "GiB", 1, 2),
            "Row 2, Edition: “pg_base_storage” does not exist with edition “fss_per_user”.",
        ),
        (("pg_base_storage", "pck_per_gigabyte", "TB", 1, 2), "Row 2, Unit: “TB” is not a unit; write GiB, unit or hour."),
        (("pg_base_storage", "pck_per_gigabyte", None, 1, 2), "Row 2, Unit: It is missing."),
        (("pg_base_storage", "pck_per_gigabyte", "unit", 1, 2), "Row 2, Unit: “pg_base_storage” is metered per GiB, not per unit."),
        (
            ("notarizations", None, "unit", "free", 2),
            "Row 2, Cost: “free” is text. Enter a number, and format the cell as a number.",
        ),
        (
            ("notarizations", None, "unit", 1, "0,07"),
            "Row 2, Price: “0,07” is text. Enter a number with a decimal point, and format the cell as a number.",
        ),
        (("notarizations", None, "unit", 1, None), "Row 2, Price: It is missing."),
        (("notarizations", None, "unit", 1, -0.5), "Row 2, Price: -0.5 is negative."),
        (("notarizations", None, "unit", 1, 0.12345678901), "Row 2, Price: 0.12345678901 has more than 10 decimals."),
        (("notarizations", None, "unit", 1, 1e14), "Row 2, Price: 100000000000000 is too large."),
        (("notarizations", None, "unit", 1, True), "Row 2, Price: “True” is not a number."),
        (("notarizations", None, "unit", 1, date(2026, 7, 1)), "Row 2, Price: A date is not a number."),
        (("notarizations", None, "unit", 1, "=D2*1.3"), "Row 2, Price: It is a formula. Paste its value instead."),
        (("notarizations", None, "unit", 1, ArrayFormula("E2", "=D2*2")), "Row 2, Price: A formula is not a number."),
        (("=A3", None, "unit", 1, 2), "Row 2, Item: It is a formula. Paste its value instead."),
        (
            ("notarizations", None, "unit", 1, 2, "median"),
            "Row 2, Aggregation: “median” is not an aggregation; write last, max, average or sum, or leave it empty.",
        ),
    ],
)
def test_a_wrong_cell_is_named_with_its_row_and_column(row: tuple[Any, ...], sentence: str) -> None:
    assert refusal(workbook([row])) == [sentence]


@pytest.mark.parametrize("again", ["pg_base_storage", "storage"])
def test_an_item_may_stand_there_once(again: str) -> None:
    content = workbook([STORAGE_ROW, (again, "pck_per_gigabyte", "GiB", 1, 2)])

    assert refusal(content) == ["Row 3, Item: It stands in row 2 already, with the same edition."]


def test_all_that_is_wrong_is_told_at_once() -> None:
    content = workbook([("tape_robot", None, "barrel", -1, "x"), STORAGE_ROW, ("notarizations", None, "unit", 1, None)])

    errors = refusal(content)

    assert [error.split(":")[0] for error in errors] == [
        "Row 2, Item",
        "Row 2, Unit",
        "Row 2, Cost",
        "Row 2, Price",
        "Row 4, Price",
    ]


def test_a_sheet_full_of_errors_stops_at_a_hundred() -> None:
    errors = refusal(workbook([("notarizations", None, "unit", "x", "y")] * 500))

    assert len(errors) == 101
    assert errors[-1] == "Further rows were not looked at."


def test_merged_cells_are_named() -> None:
    book = load_workbook(io.BytesIO(workbook([STORAGE_ROW, ("pg_base_servers", "pck_per_gigabyte", "unit", 1, 2)])))
    for cells in ("A2:A3", "D3:E3"):
        book["Rate card"].merge_cells(cells)
    merged = io.BytesIO()
    book.save(merged)

    assert refusal(merged.getvalue()) == [
        "Row 2, A: Cells are merged here. Take them apart and fill in each of them.",
        "Row 3, D to E: Cells are merged here. Take them apart and fill in each of them.",
    ]


def test_a_hundred_thousand_rows_are_refused() -> None:
    row = b"<row>" + b"<c><v>0.0312345</v></c>" * len(HEADER) + b"</row>"
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
    content = repacked(workbook([STORAGE_ROW]), **{"xl/worksheets/sheet1.xml": sheet % (row * 100_000)})

    [sentence] = refusal(content)

    assert "20,000 rows" in sentence


def test_items_without_an_edition_are_known_by_an_empty_cell() -> None:
    assert read(workbook([(NOTARIZATIONS.name, "  ", "unit", 1, 2)])).rows[0].edition == ""


# --- Tiers --------------------------------------------------------------------------------------------------------------

Tier = tuple[Any, ...]  # tier from, tier to, tier mode, aggregation


def tiered(*rows: Tier) -> bytes:
    """A sheet whose rows are tiers of one item, each a cent cheaper."""
    given = [(*row, *(None,) * (4 - len(row))) for row in rows]
    cells = [("pg_base_storage", "pck_per_gigabyte", "GiB", 0.03, (9 - n) / 100, *row) for n, row in enumerate(given)]
    return workbook(cells, header=HEADER)


def test_tiers_are_graduated_unless_told_otherwise_and_share_what_one_of_them_says() -> None:
    [first, second, third] = read(tiered((None, 10, None, "max"), (10, 50.5), (50.5, None))).rows
    by_volume = read(tiered((10, None, "Volume"), (0, 10))).rows

    assert [(row.tier_from, row.tier_to) for row in (first, second, third)] == [
        (Decimal(0), Decimal(10)),
        (Decimal(10), Decimal("50.5")),
        (Decimal("50.5"), None),
    ]
    assert {(row.tier_mode, row.aggregation) for row in (first, second, third)} == {("graduated", "max")}
    assert [(row.line, row.tier_from, row.tier_mode) for row in by_volume] == [
        (2, Decimal(10), "volume"),
        (3, Decimal(0), "volume"),
    ]


@pytest.mark.parametrize("row", [(), (0,), (0, None, "volume"), (None, None, "graduated")])
def test_one_tier_for_every_quantity_is_a_price_without_tiers(row: Tier) -> None:
    [rate] = read(tiered(row)).rows

    assert (rate.tier_from, rate.tier_to, rate.tier_mode) == (0, None, "")


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        ([(5, None)], ["Row 2, Tier from: The first tier of an item begins at 0, not at 5."]),
        (
            [(0, 10), (12, None)],
            ["Row 3, Tier from: There is a gap: the tier before (row 2) ends at 10, so this one begins there."],
        ),
        (
            [(0, 10), (8, None)],
            ["Row 3, Tier from: It overlaps the tier before (row 2), which goes up to 10; this one begins there."],
        ),
        ([(0, 10)], ["Row 2, Tier to: The last tier has no end: leave it empty, or add a row from 10 on."]),
        (
            [(0, None), (10, None)],
            ["Row 2, Tier to: It is missing: only the last tier has no end, and the next one (row 3) begins at 10."],
        ),
        ([(0, 10), (0, 10), (10, None)], ["Row 3, Tier from: The tier of row 2 begins at 0 too."]),
        (
            [(0, 10, "graduated"), (10, None, "volume")],
            ["Row 3, Tier mode: “volume” here, but “graduated” in row 2: all tiers of an item have the same."],
        ),
        (
            [(0, 10, None, "last"), (10, None, None, "max")],
            ["Row 3, Aggregation: “max” here, but “last” in row 2: all tiers of an item have the same."],
        ),
        (
            [(0, 10, "stairs"), (10, None)],
            ["Row 2, Tier mode: “stairs” is not a tier mode; write graduated or volume, or leave it empty."],
        ),
        ([(10, 10), (10, None)], ["Row 2, Tier to: It is 10, but must be more than Tier from, which is 10."]),
        ([(-1, 10), (10, None)], ["Row 2, Tier from: -1 is negative."]),
        (
            [(0, "ten"), (10, None)],
            ["Row 2, Tier to: “ten” is text. Enter a number, and format the cell as a number."],
        ),
        ([(0, date(2026, 10, 1)), (10, None)], ["Row 2, Tier to: A date is not a number."]),
    ],
)
def test_tiers_that_do_not_join_are_named_by_row_and_column(rows: list[Tier], sentences: list[str]) -> None:
    assert refusal(tiered(*rows)) == sentences


@settings(max_examples=25)
@given(st.lists(st.decimals(min_value="0.01", max_value=10**6, places=2), min_size=1, max_size=8, unique=True), st.randoms())
def test_tiers_that_join_are_taken_in_any_order_of_rows(bounds: list[Decimal], random: Any) -> None:
    ends = sorted(bounds)
    rows = [
        (float(begin), float(end) if end is not None else None)
        for begin, end in zip([Decimal(0), *ends], [*ends, None], strict=True)
    ]
    random.shuffle(rows)

    taken = read(tiered(*rows)).rows

    assert sorted((row.tier_from, row.tier_to is None) for row in taken) == [
        *((begin, False) for begin in [Decimal(0), *ends][:-1]),
        (ends[-1], True),
    ]


def test_a_sheet_is_examined_as_far_as_it_can_be_read() -> None:
    content = workbook(
        [
            STORAGE_ROW,
            ("tape_robot", None, "unit", 1, 2),
            ("notarizations", None, "unit", "x", 2),
            ("pg_base_servers", "premium", "unit", 1, 2),
        ]
    )

    examined = examine_sheet(io.BytesIO(content), known_items=KNOWN_ITEMS, limit_bytes=LIMIT)

    assert [row.item for row in examined.rows] == ["pg_base_storage"]
    assert [error.row for error in examined.errors] == [3, 4, 5]
    assert [error.row for error in examined.unknown] == [3, 5]
    assert examined.mentioned == {("pg_base_storage", "pck_per_gigabyte"), ("notarizations", "")}
