"""The colours of a marketplace can be read, whatever a reseller chose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import colours

GREYS = {"white": "#ffffff", "dark ground": "#14181b", "lighter dark ground": colours.DARK_GROUND}
chosen = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}").filter(colours.is_readable_on_white)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("#000000", "#ffffff", 21.0), ("#ffffff", "#ffffff", 1.0), ("#767676", "#ffffff", 4.54), ("#0f766e", "#ffffff", 5.47)],
)
def test_contrast_is_that_of_the_guidelines(one: str, other: str, expected: float) -> None:
    assert colours.contrast(one, other) == pytest.approx(expected, abs=0.01)
    assert colours.contrast(other, one) == colours.contrast(one, other)


def test_pale_colours_are_not_readable_on_white() -> None:
    assert colours.is_readable_on_white("#767676")
    assert not colours.is_readable_on_white("#777777")
    assert not colours.is_readable_on_white("#ffd400")


@given(chosen)
def test_every_shade_can_be_read_where_it_stands(accent: str) -> None:
    light, dark = colours.light_shades(accent), colours.dark_shades(accent)

    assert light.accent == accent
    pairs = [
        (light.accent, "#ffffff"),
        (light.strong, "#ffffff"),
        (light.strong, light.soft),
        (light.on_accent, light.accent),
        (light.on_accent, light.strong),
        *((dark.accent, ground) for name, ground in GREYS.items() if name != "white"),
        (dark.strong, colours.DARK_GROUND),
        (dark.strong, dark.soft),
        (dark.on_accent, dark.accent),
        (dark.on_accent, dark.strong),
    ]
    assert [pair for pair in pairs if colours.contrast(*pair) < colours.READABLE] == []


def test_the_stylesheet_says_both_and_its_version_changes_with_it() -> None:
    css = colours.stylesheet("#7a1f5c")

    assert "--accent: #7a1f5c" in css
    assert "prefers-color-scheme: dark" in css
    assert colours.stylesheet_version("#7a1f5c") != colours.stylesheet_version("#7a1f5d")
