"""
The colours of a marketplace, worked out from the one a reseller chose. Plain values.

Contrast is that of WCAG 2.2: 4.5 : 1 is what text needs (success criterion 1.4.3). Our own greys are those of the theme.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

READABLE = 4.5
WHITE, BLACK = "#ffffff", "#000000"
DARK_GROUND = "#1c2125"
"""The lighter of the two grounds of the dark theme: what is readable on it is so on the other."""
_STYLESHEET = """:root {{ {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
"""


@dataclass(frozen=True, slots=True)
class Shades:
    """The four colours that a theme makes of an accent: itself, one for hovering, a ground for notices, and text upon it."""

    accent: str
    strong: str
    soft: str
    on_accent: str

    @property
    def variables(self) -> str:
        """As the variables that `static/theme.css` reads."""
        return (
            f"--accent: {self.accent}; --accent-strong: {self.strong}; --accent-soft: {self.soft}; --on-accent: {self.on_accent};"
        )


def stylesheet(accent: str) -> str:
    """Return what replaces our colours on a light and on a dark page."""
    return _STYLESHEET.format(light=light_shades(accent).variables, dark=dark_shades(accent).variables)


def stylesheet_version(accent: str) -> str:
    """Return what stands for the stylesheet in its address: another one as soon as it says something else."""
    return sha256(stylesheet(accent).encode()).hexdigest()[:10]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (#rrggbb), from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_readable_on_white(accent: str) -> bool:
    return contrast(accent, WHITE) >= READABLE


def light_shades(accent: str) -> Shades:
    """Return the shades for a light page, of an accent that is readable on white."""
    soft = mixed(accent, WHITE, 0.9)
    strong = next(shade for shade in _towards(mixed(accent, BLACK, 0.2), BLACK) if contrast(shade, soft) >= READABLE)
    return Shades(accent, strong, soft, WHITE)


def dark_shades(accent: str) -> Shades:
    """Return the shades for a dark page: the accent made light until it can be read there."""
    light = next(shade for shade in _towards(accent, WHITE) if contrast(shade, DARK_GROUND) >= READABLE + 1)
    soft = mixed(accent, DARK_GROUND, 0.75)
    strong = next(shade for shade in _towards(mixed(light, WHITE, 0.3), WHITE) if contrast(shade, soft) >= READABLE)
    on_accent = next(shade for shade in _towards(mixed(accent, BLACK, 0.8), BLACK) if contrast(shade, light) >= READABLE)
    return Shades(light, strong, soft, on_accent)


def mixed(colour: str, other: str, share: float) -> str:
    """Return ``colour`` with ``share`` of ``other`` in it: 0 is the one, 1 the other."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _towards(colour: str, other: str) -> Iterator[str]:
    return (mixed(colour, other, step / 20) for step in range(21))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
