"""
What of the sandbox is the vendor's behaviour and what we assume: one list, for the page and for the README.

`python -m sandbox.behaviour` writes it into the README anew; a test sees that it was.
"""

import re
import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("behaviour.toml")
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- behaviour.toml: begin -->\n", "<!-- behaviour.toml: end -->\n"
LONGEST_LINE = 132


@dataclass(frozen=True)
class Behaviour:
    """What the sandbox does, as half a sentence; `source` says where the vendor says so, and is empty for what we assume."""

    subject: str
    says: str
    source: str = ""


@dataclass(frozen=True)
class Known:
    """The whole list. `sources` explains each key that a source is named by."""

    sources: dict[str, str]
    confirmed: tuple[Behaviour, ...]
    assumed: tuple[Behaviour, ...]
    limits: tuple[Behaviour, ...]


@cache
def known() -> Known:
    read = tomllib.loads(LIST.read_text(encoding="utf-8"))
    parts = {name: tuple(Behaviour(**one) for one in read[name]) for name in ("confirmed", "assumed", "limits")}
    return Known(sources=read["sources"], **parts)


def as_markdown() -> str:
    """The part of the README between the two marks."""
    found = known()
    sources = "; ".join(f"**{key}** {meaning}" for key, meaning in found.sources.items())
    parts = [
        "### Confirmed by the vendor",
        f"Sources: {sources}.\n",
        *(f"- {one.subject}: {one.says} [{one.source}]" for one in found.confirmed),
        "\n### Assumed, as nothing is published or sources differ",
        *(f"- {one.subject}: {one.says}" for one in found.assumed),
        "\n### Limits",
        *(f"- {one.subject}: {one.says}" for one in found.limits),
    ]
    return "\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(text: str) -> str:
    """Lines of the house's length; what follows the first line of a point is indented."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(
        text, LONGEST_LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )


def readme_with_list(readme: str) -> str:
    """:raises ValueError: the marks are not there."""
    replaced, count = re.subn(
        f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: BEGIN + as_markdown() + END, readme, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"{README.name} needs {BEGIN.strip()} and {END.strip()}, once each")
    return replaced


if __name__ == "__main__":
    README.write_text(readme_with_list(README.read_text(encoding="utf-8")), encoding="utf-8")
