"""Templates of the mails that remind, suspend and terminate: words to begin with, edited in the back office."""

from django.db import migrations

BUTTON = (
    '<p style="margin:0 0 20px"><a href="{{ invoice_url }}" style="display:inline-block;padding:12px 20px;border-radius:6px;'
    'background:#0f766e;color:#ffffff;font-weight:600;text-decoration:none">See and pay the invoice</a></p>'
)
TABLE = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-top:1px solid #d9dee2;font-size:14px">'
)
NAME = '<td style="padding:8px 12px 8px 0;border-bottom:1px solid #d9dee2;color:#545d66;vertical-align:top">'
VALUE = '<td style="padding:8px 0;border-bottom:1px solid #d9dee2;vertical-align:top">'

FACTS = [
    ("Invoice", "{{ invoice_number }}"),
    ("Amount due", "{{ amount_due }}"),
    ("Due since", "{{ due_date }}, {{ days_overdue }} days ago"),
    ("Service", "{{ plan_name }}"),
    ("Customer", "{{ buyer_name }}"),
]


def _text(first, rest, facts):
    lines = "\n".join(f"{name}: {value}" for name, value in facts)
    return f"{first}\n\n{{{{ invoice_url }}}}\n\n{rest}\n\n{lines}\n\n{{{{ seller_name }}}}\n"


def _html(first, rest, facts):
    rows = "\n".join(f"<tr>{NAME}{name}</td>{VALUE}{value}</td></tr>" for name, value in facts)
    return f'<p style="margin:0 0 20px">{first}</p>\n{BUTTON}\n<p style="margin:0 0 20px">{rest}</p>\n{TABLE}\n{rows}\n</table>\n'


TEMPLATES = [
    {
        "name": "Reminder",
        "description": "Sent to a customer whose invoice is overdue.",
        "subject": "Please pay invoice {{ invoice_number }}: {{ amount_due }}, due {{ due_date }}",
        "first": "Please pay {{ amount_due }} for invoice {{ invoice_number }}. It was due on {{ due_date }}.",
        "rest": (
            "If you have paid in the last few days, you need not do anything."
            "{% if suspension_date %} Without a payment, {{ plan_name }} is suspended on {{ suspension_date }}.{% endif %}"
        ),
        "facts": FACTS,
    },
    {
        "name": "Suspension",
        "description": "Sent when a service is suspended because an invoice was not paid.",
        "subject": "{{ plan_name }} is suspended: invoice {{ invoice_number }} is not paid",
        "first": "Pay {{ amount_due }} for invoice {{ invoice_number }}, and {{ plan_name }} works again at once.",
        "rest": (
            "The service is suspended: nothing new is backed up. What you have stored is kept."
            "{% if termination_date %} Without a payment, the service ends for good on {{ termination_date }}.{% endif %}"
        ),
        "facts": FACTS,
    },
    {
        "name": "Termination",
        "description": "Sent when a service ends for good because an invoice was not paid.",
        "subject": "{{ plan_name }} has ended: invoice {{ invoice_number }} was not paid",
        "first": "Please pay {{ amount_due }} for invoice {{ invoice_number }}; it is still owed.",
        "rest": (
            "We reminded you and suspended {{ plan_name }}; as nothing was paid for {{ days_overdue }} days, the service has ended. "
            "Answer this mail if you want to begin again."
        ),
        "facts": FACTS,
    },
]


def add(apps, schema_editor):
    """Add what is not there by name; what somebody has edited stays as it is."""
    template = apps.get_model("post_office", "EmailTemplate")
    for words in TEMPLATES:
        template.objects.get_or_create(
            name=words["name"],
            language="",
            default_template=None,
            defaults={
                "description": words["description"],
                "subject": words["subject"],
                "content": _text(words["first"], words["rest"], words["facts"]),
                "html_content": _html(words["first"], words["rest"], words["facts"]),
            },
        )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_settings_of_present_plans"),
        ("post_office", "0014_alter_email_recipient_delivery_status_and_more"),
    ]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
