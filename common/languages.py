"""The languages that documents and mails to buyers are written in."""

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "nl": "Nederlands",
}
"""By their ISO 639 letters, each by the name it has for itself."""


def known_language(language: str) -> str:
    """Return which of `LANGUAGES` to write in for ``language``, with or without a region behind it (de-AT); else English."""
    first = language.replace("_", "-").split("-")[0].lower()
    return first if first in LANGUAGES else "en"
