"""
The templates of notification & action mails: which variables they may use, what makes one wrong, and how one becomes a mail.

A template is written by people in the back office, so it is never given to the engine that renders our pages. The engine here
knows {% if %}, a few filters and nothing else: no loader, no library, no settings. What it fills in are plain strings.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, cast

from django.template import Context, Engine, Library, TemplateSyntaxError
from django.template.base import FilterExpression, NodeList, TextNode, Variable, VariableNode
from django.template.defaultfilters import capfirst, default, lower, upper
from django.template.defaulttags import IfNode, TemplateLiteral, do_if
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import render_to_string

from common.errors import DomainError
from common.templatetags import show

LONGEST_TEMPLATE = 20_000
MOST_CONDITIONS = 50
MOST_WORDS_IN_A_CONDITION = 100  # each nests the engine one deeper
FRAME = "catalog/emails/action_mail.html"
TAGS = ("if", "elif", "else", "endif")
FILTERS: dict[str, Any] = {"default": default, "upper": upper, "lower": lower, "capfirst": capfirst}

# What acts instead of being read, and what loads something from elsewhere when a mail is opened.
REFUSED_ELEMENTS = frozenset(
    {"script", "style", "iframe", "object", "embed", "form", "input", "button", "link", "meta", "base", "svg", "math", "template"}
)
ADDRESSES = frozenset({"href", "src", "xlink:href", "background", "poster"})
REFUSED_ATTRIBUTES = frozenset({"srcdoc", "srcset", "formaction", "action", "ping"})


class TemplateRefused(DomainError):
    """The words of a template cannot be used as they are."""


@dataclass(frozen=True, slots=True)
class KnownVariable:
    """A value that a template may use by its name; ``sample`` is what previews and test mails show."""

    name: str
    meaning: str
    sample: str


VARIABLES = (
    KnownVariable("seller_name", "Who sends the invoice: you, or the reseller", "Northwind Cloud GmbH"),
    KnownVariable("buyer_name", "Who is to pay it", "Dora Design"),
    KnownVariable("invoice_number", "Number of the invoice", "INV-2026-000042"),
    KnownVariable("amount_due", "What is still to be paid, with currency", "1,234.50 EUR"),
    KnownVariable("due_date", "The day the invoice was due", "15 Nov 2026"),
    KnownVariable("days_overdue", "How many days ago that was", "6"),
    KnownVariable("plan_name", "The plan of the service that is concerned", "Cyber Protect 50 GB"),
    KnownVariable("suspension_date", "The day the service is suspended; empty if it never is", "29 Nov 2026"),
    KnownVariable("termination_date", "The day the service is terminated; empty if it never is", "15 Dec 2026"),
    KnownVariable("invoice_url", "Address of the page where the invoice is seen and paid", "https://till.example.com/invoices/42/"),
)
NAMES = frozenset(variable.name for variable in VARIABLES)
SAMPLES = {variable.name: variable.sample for variable in VARIABLES}


@dataclass(frozen=True, slots=True)
class Words:
    """A template as it is written: all three parts may hold variables. Without ``html`` the mail is text alone."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready for the outbox."""

    subject: str
    text: str
    html: str


def mail_values(
    *,
    seller_name: str,
    buyer_name: str,
    invoice_number: str,
    invoice_url: str,
    plan_name: str,
    amount_due: Decimal,
    currency: str,
    due_on: date,
    today: date,
    suspended_on: date | None = None,
    terminated_on: date | None = None,
) -> dict[str, str]:
    """Return the values for a template as plain strings, with amounts and days written for the reader."""
    return {
        "seller_name": seller_name,
        "buyer_name": buyer_name,
        "invoice_number": invoice_number,
        "amount_due": show.money(amount_due, currency),
        "due_date": show.day(due_on),
        "days_overdue": str((today - due_on).days),
        "plan_name": plan_name,
        "suspension_date": show.day(suspended_on) if suspended_on else "",
        "termination_date": show.day(terminated_on) if terminated_on else "",
        "invoice_url": invoice_url,
    }


def render(words: Words, values: Mapping[str, str]) -> RenderedMail:
    """
    Fill ``values`` into a template and put the HTML into the frame that all our mails have.

    Values are escaped in the HTML. The subject becomes one line.

    :raises TemplateRefused: one of the parts is not right, as `check` says it.
    :raises KeyError: a value is missing.
    """
    strings = {name: str(values[name]) for name in NAMES}
    subject = " ".join(_filled(words.subject, strings, autoescape=False).split())
    body = _filled(words.html, strings, autoescape=True).strip()
    html = render_to_string(FRAME, {"subject": subject, "body": body, "seller_name": strings["seller_name"]}) if body else ""
    return RenderedMail(subject, _filled(words.text, strings, autoescape=False).strip() + "\n", html)


def check(source: str, *, is_html: bool = False) -> None:
    """
    Look at one part of a template before it is kept.

    :raises TemplateRefused: it uses an unknown variable, tag or filter, does not close something, or holds HTML that acts.
    """
    _compiled(source, autoescape=is_html)
    if is_html:
        _HtmlCheck().check(source)
        _HtmlCheck().check(_filled(source, SAMPLES, autoescape=True))  # variables can put an element together


# --- The engine ---------------------------------------------------------------------------------------------------------


def _library() -> Library:
    library = Library()
    library.tag("if", do_if)
    for name, function in FILTERS.items():
        library.filters[name] = function
    return library


def _engine(*, autoescape: bool) -> Engine:
    # A loader that finds nothing; a debugging engine would keep the source in its errors.
    engine = Engine(loaders=[("django.template.loaders.locmem.Loader", {})], builtins=[], autoescape=autoescape, debug=False)
    engine.template_builtins = [_library()]
    return engine


_ENGINES = {autoescape: _engine(autoescape=autoescape) for autoescape in (False, True)}


def _filled(source: str, values: Mapping[str, str], *, autoescape: bool) -> str:
    template = _compiled(source, autoescape=autoescape)
    return str(template.render(Context(dict(values), autoescape=autoescape)))


def _compiled(source: str, *, autoescape: bool) -> Any:
    """Return the compiled template, once all that stands in it is known to be allowed."""
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateRefused(f"It is longer than {LONGEST_TEMPLATE:,} characters.")
    _check_tags(source)
    try:
        template = _ENGINES[autoescape].from_string(source)
    except (TemplateSyntaxError, TemplateDoesNotExist) as error:
        raise TemplateRefused(_sentence(str(error))) from error
    for expression in _expressions(template.nodelist):
        _check_expression(expression)
    return template


def _check_tags(source: str) -> None:
    names = re.findall(r"{%-?\s*([^\s%]*)", source)
    for name in names:
        if name not in TAGS:
            raise TemplateRefused(
                f"“{{% {name:.40} %}}” cannot be used in a mail; there are only {{% if %}}, {{% else %}} and {{% endif %}}."
            )
    if len(names) > MOST_CONDITIONS:
        raise TemplateRefused(f"It has more than {MOST_CONDITIONS} conditions.")
    if any(len(tag.split()) > MOST_WORDS_IN_A_CONDITION for tag in re.findall(r"{%(.*?)%}", source)):
        raise TemplateRefused(f"A condition in {{% if %}} has more than {MOST_WORDS_IN_A_CONDITION} words.")


def _sentence(error: str) -> str:
    """Say in words for people what the engine found wrong."""
    if found := re.search(r"Invalid filter: '([^']*)'", error):
        return f"“{found[1]:.40}” is not a filter that mails have; there are {', '.join(FILTERS)}."
    if "if tag" in error and "Unclosed" not in error:
        return "A condition in {% if %} is not complete."
    if "Unclosed tag" in error or "Invalid block tag" in error:
        return "An {% if %} and its {% endif %} do not match."
    if found := re.search(r"(?:remainder|parse some characters).*?: ?'?(.*?)'?$", error):
        return f"What stands between {{{{ and }}}} cannot be read: {found[1]:.60}."
    if "Empty variable" in error:
        return "Between {{ and }} stands no variable."
    return f"It cannot be read: {error.rstrip('.'):.120}."


def _expressions(nodes: NodeList) -> Iterator[FilterExpression]:
    """Yield every expression of a template; refuse whatever is neither text, a variable nor a condition."""
    for node in nodes:
        if isinstance(node, TextNode):
            if stray := re.search(r"{{|}}|{%|%}", node.s):
                raise TemplateRefused(f"A “{stray[0]}” stands alone: what it opens or closes is missing.")
        elif isinstance(node, VariableNode):
            yield node.filter_expression
        elif isinstance(node, IfNode):
            for condition, inside in node.conditions_nodelists:
                yield from _literals(condition)
                yield from _expressions(inside)
        else:
            raise TemplateRefused("Only variables and {% if %} can be used in a mail.")


def _literals(condition: Any) -> Iterator[FilterExpression]:
    if condition is None:  # {% else %}
        return
    if isinstance(condition, TemplateLiteral):
        yield cast(FilterExpression, condition.value)
        return
    for part in (condition.first, condition.second):
        if part is not None:
            yield from _literals(part)


def _check_expression(expression: FilterExpression) -> None:
    used = [expression.var, *(argument for _, given in expression.filters for is_variable, argument in given if is_variable)]
    for variable in used:
        if not isinstance(variable, Variable) or variable.lookups is None:
            continue  # a text or a number that stands there itself
        name = str(variable.var)
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            hint = f" Did you mean {close[0]}?" if close else " The list below has those there are."
            raise TemplateRefused(f"“{name:.60}” is not a variable of these mails.{hint}")


class _HtmlCheck(HTMLParser):
    """Refuses HTML that would act or load instead of being read. Mail programs drop it anyway; no preview of ours meets it."""

    def check(self, source: str) -> None:
        # Where a comment or a declaration ends, browsers and this parser are not of one mind; what one hides the other runs.
        if found := re.search(r"<[!?]|</[^a-z]", source, re.IGNORECASE):
            raise TemplateRefused(f"“{found[0]}” cannot be used in a mail: leave comments and declarations out.")
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in REFUSED_ELEMENTS:
            raise TemplateRefused(f"<{tag}> cannot be used in a mail.")
        for name, value in attrs:
            if name.startswith("on") or name in REFUSED_ATTRIBUTES:
                raise TemplateRefused(f"“{name:.40}” cannot be used in a mail: nothing in it may run.")
            address = re.sub(r"[\s\x00-\x1f]", "", value or "").casefold()
            if name in ADDRESSES and not re.match(r"https?://|mailto:|tel:|{{invoice_url}}", address):
                raise TemplateRefused(
                    f"The address “{value or '':.60}” must begin with https:// or mailto:, or be {{{{ invoice_url }}}}."
                )
