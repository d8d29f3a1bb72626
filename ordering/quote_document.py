"""A quote as PDF, set like an invoice: in the buyer's language and formats, from the facts that its row keeps."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billing.document_facts import DocumentFacts, LineFacts, TaxFacts
from billing.document_formats import Formats, formats_of
from billing.document_words import Words, words_in
from billing.documents.fonts import BOLD, PLAIN
from billing.documents.layout import Layout
from billing.documents.sheets import LEADING, LEFT, RIGHT, TEXT, wrap
from catalog.models import Plan
from ordering.module_wishes import Included
from ordering.templatetags.quotas import UNLIMITED, with_quota, without_quota


def quote_pdf(facts: Mapping[str, Any]) -> bytes:
    """Return the document of ``facts``, as `queries.quoting` tells them; without a number, a draft. Same facts, same bytes."""
    return QuoteLayout(facts).set().finished()


def words_of(facts: Mapping[str, Any]) -> tuple[Words, Formats]:
    """Return the words and formats that the buyer of a quote reads."""
    return words_in(facts["language"]), formats_of(facts["language"], facts["buyer"].get("country", ""))


class QuoteLayout(Layout):
    """One quote on its way to the paper: an invoice's sheets, but with terms instead of days, and what is promised below."""

    buyer_key = "quote_for"
    period_key = "term"

    def __init__(self, quote: Mapping[str, Any]) -> None:
        super().__init__(_document(quote))
        self.quote = quote

    def _told(self) -> list[tuple[str, str]]:
        facts = self.facts
        told = [("number", facts.number or self.words["not_issued"]), ("date", self._day(facts.issued_on))]
        told += [("valid_until", self._day(facts.due_on)), ("order_number", self.quote["order"])]
        return [*told, ("your_reference", self.quote["purchase_order"])] if self.quote["purchase_order"] else told

    def _days(self, line: LineFacts) -> str:
        months = (line.period_end.year - line.period_start.year) * 12 + line.period_end.month - line.period_start.month
        return f"{months} {self.words.unit('month', is_one=months == 1)}" if months else self.words["once"]

    def _payment(self) -> None:
        """Set what is included, when it is billed, until when the quote counts, and what terms go with it."""
        for plan in self.quote["plans"]:
            self._included(plan)
        self._paragraph([sentence for plan in self.quote["plans"] for sentence in self._billed(plan)])
        last = []
        if self.facts.number:
            last.append(self.words.say("quote_holds", day=self._day(self.facts.due_on), number=self.facts.number))
        if self.quote["terms"]:
            last.append(self.words.say("terms_apply", terms="; ".join(self.quote["terms"])))
        self._paragraph(last)

    def _included(self, plan: Mapping[str, Any]) -> None:
        if not plan["included"]:
            return
        sheets = self.sheets
        included = [Included(*told) for told in plan["included"]]
        said = [f"{one.label}: {self._amount(one)}" for one in with_quota(included)]
        if names := without_quota(included):
            said.append(f"{self.words['without_limit']}: {', '.join(names)}")
        if not sheets.fits(TEXT * LEADING * (len(said) + 3)):
            sheets.turn()
        sheets.write(f"{self.words['included']}: {plan['plan']}", face=BOLD, size=11)
        for words in said:
            sheets.write(words)
        sheets.y -= 10

    def _amount(self, one: Included) -> str:
        amount = self.words["unlimited"] if one.amount == UNLIMITED else one.amount
        return self.words.say("up_to_above", amount=amount, above=one.above) if one.above else amount

    def _billed(self, plan: Mapping[str, Any]) -> list[str]:
        words = self.words
        said = [words.say("quote_trial", days=plan["trial_days"])] if plan["trial_days"] else []
        said.append(words["quote_prepaid" if plan["billing_model"] == Plan.BillingModel.PREPAID else "quote_postpaid"])
        if plan["overage_price"] is not None:
            price = self.formats.unit_price(Decimal(plan["overage_price"]), self.facts.currency)
            said.append(words.say("overage_costs", price=f"{price} {self.facts.currency}"))
        return said

    def _paragraph(self, sentences: list[str]) -> None:
        """Set sentences one below the other, on one sheet."""
        height = sum(len(wrap(sentence, PLAIN, TEXT, RIGHT - LEFT)) for sentence in sentences) * TEXT * LEADING
        if not self.sheets.fits(height):
            self.sheets.turn()
        for sentence in sentences:
            self.sheets.write(sentence)
        self.sheets.y -= 10


def _document(quote: Mapping[str, Any]) -> DocumentFacts:
    quoted_on, valid_until = date.fromisoformat(quote["quoted_on"]), date.fromisoformat(quote["valid_until"])
    words, _ = words_of(quote)
    return DocumentFacts(
        kind="quote",
        number=quote["number"],
        issued_on=quoted_on,
        due_on=valid_until,
        period=(quoted_on, valid_until),
        currency=quote["currency"],
        language=quote["language"],
        seller=quote["seller"],
        buyer=quote["buyer"],
        lines=[_line(line, words) for line in quote["lines"]],
        taxes=[TaxFacts(tax["name"], Decimal(tax["percent"]), Decimal(tax["net"]), Decimal(tax["tax"])) for tax in quote["taxes"]],
        net=Decimal(quote["net"]),
        tax=Decimal(quote["tax"]),
        gross=Decimal(quote["gross"]),
        category=quote["category"],
        note=quote["note"],
    )


def _line(line: Mapping[str, Any], words: Words) -> LineFacts:
    """The term stands where an invoice has its days: as months from a first day that is not printed."""
    is_term = line["kind"] == "term"
    months = line["term_months"] if is_term else 0
    return LineFacts(
        heading=f"{line['consumer']} · {line['plan']}",
        description=line["plan"] if is_term else words.say("setup_fee", plan=line["plan"]),
        period_start=date(2000, 1, 1),
        period_end=date(2000 + months // 12, 1 + months % 12, 1),
        quantity=Decimal(line["quantity"]),
        unit="unit",
        unit_price=Decimal(line["unit_price"]),
        net=Decimal(line["net"]),
        taxes=tuple((name, Decimal(percent)) for name, percent in line["taxes"]),
    )
