"""The mail that brings a quote, in the buyer's language; its document is drawn when it leaves, as that of an invoice is."""

from decimal import Decimal

from billing.emails import put_into_outbox
from ordering.models import Quote
from ordering.quote_document import quote_pdf, words_of


def quote_sent(quote: Quote) -> None:
    """Send ``quote`` to whom it is for, with the message of the person who sends it: a row in the outbox."""
    facts = quote.facts
    words, formats = words_of(facts)
    day = formats.day(quote.valid_until)

    def money(amount: str) -> str:
        return formats.money(Decimal(amount), facts["currency"])

    put_into_outbox(
        document=f"quote {quote.pk}",
        words=words,
        seller=facts["seller"],
        to=quote.sent_to,
        subject=words.say("mail_quote_subject", number=quote.number, seller=facts["seller"]["name"]),
        heading=f"{words['quote']} {quote.number}",
        first=words.say("mail_quote_ready", number=quote.number, day=day),
        message=facts["message"],
        facts=[
            *((line["plan"], money(line["net"])) for line in facts["lines"] if line["kind"] == "term"),
            (words["net"], money(facts["net"])),
            *((tax["name"], money(tax["tax"])) for tax in facts["taxes"]),
            (words["total"], money(facts["gross"])),
            (words["valid_until"], day),
        ],
    )


def draw(quote_id: int) -> tuple[str, bytes]:
    """Return the name of the file and the document of the quote of that id."""
    quote = Quote.objects.get(pk=quote_id)
    return quote.number, quote_pdf(quote.facts)
