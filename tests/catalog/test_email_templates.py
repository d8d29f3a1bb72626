"""Templates of mails: what may stand in one, what they become, their page with preview and test mail, and those we bring."""

import importlib
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.urls import reverse
from post_office.models import Email, EmailTemplate

from catalog.action_mail_templates import SAMPLES, VARIABLES, TemplateRefused, Words, check, render
from catalog.models import ActionMail
from tests import factories

migration = importlib.import_module("catalog.migrations.0004_action_mail_templates")


# --- What may stand in a template ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "Pay {{ amount_due }}.",
        "{% if suspension_date %}Suspended on {{ suspension_date }}.{% else %}Never.{% endif %}",
        "{% if days_overdue == '6' and not termination_date %}{{ buyer_name|upper }}{% elif plan_name %}x{% endif %}",
        "{{ termination_date|default:'never' }}{# a note #}",
        "",
    ],
)
def test_variables_conditions_and_a_few_filters_may_stand_there(source):
    check(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ buyer_nam }}", "Did you mean buyer_name?"),
        ("{{ settings.SECRET_KEY }}", "is not a variable"),
        ("{{ request.user.password }}", "is not a variable"),
        ("{{ buyer_name.upper }}", "is not a variable"),
        ("{{ buyer_name.__class__.__mro__ }}", "underscores"),
        ("{{ block.super }}", "is not a variable"),
        ("{{ True }}", "is not a variable"),
        ("{{ buyer_name|default:secret }}", "“secret” is not a variable"),
        ("{% if secret %}x{% endif %}", "“secret” is not a variable"),
        ("{% if buyer_name == secret.key %}x{% endif %}", "is not a variable"),
        ("{% if buyer_name %}{{ deep }}{% endif %}", "“deep” is not a variable"),
        ("{% load i18n %}", "“{% load %}” cannot be used"),
        ("{% include 'base.html' %}", "“{% include %}” cannot be used"),
        ("{% extends 'base.html' %}", "“{% extends %}” cannot be used"),
        ("{% debug %}", "“{% debug %}” cannot be used"),
        ("{% autoescape off %}{% endautoescape %}", "cannot be used"),
        ("{% for a in buyer_name %}{% endfor %}", "cannot be used"),
        ("{% now 'Y' %}", "cannot be used"),
        ("{% inline_image 'file:///etc/passwd' %}", "cannot be used"),
        ("{{ buyer_name|safe }}", "“safe” is not a filter"),
        ("{{ buyer_name|center:999999999 }}", "“center” is not a filter"),
        ("{% if buyer_name %}", "do not match"),
        ("{% endif %}", "do not match"),
        ("{% if %}x{% endif %}", "not complete"),
        ("{% if buyer_name == %}x{% endif %}", "not complete"),
        ("Pay {{ amount_due", "stands alone"),
        ("Pay amount_due }}", "stands alone"),
        ("{{ }}", "no variable"),
        ("{{ buyer_name + 1 }}", "cannot be read"),
        ("{% if buyer_name %}{% endif %}" * 30, "more than 50 conditions"),
        ("{% if " + "not " * 4000 + "buyer_name %}{% endif %}", "more than 100 words"),
        ("{% if " + "1 or " * 3900 + "1 %}{% endif %}", "more than 100 words"),
        ("x" * 20_001, "longer than 20,000"),
    ],
)
def test_everything_else_is_a_sentence(source, said):
    with pytest.raises(TemplateRefused) as refused:
        check(source)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<SCRIPT src=https://evil.example/x.js></SCRIPT>",
        "<{{ 'script' }}>alert(1)</{{ 'script' }}>",
        '<p onclick="alert(1)">x</p>',
        '<img src="x" onerror=alert(1)>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" java\nscript:alert(1)">x</a>',
        '<a href="&#106;avascript:alert(1)">x</a>',
        '<a href="{{ buyer_name }}">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<iframe src="https://evil.example"></iframe>',
        "<form action=https://evil.example><input></form>",
        "<svg/onload=alert(1)>",
        "<base href=https://evil.example>",
        "<!--><script>alert(1)</script>-->",
        "<![CDATA[><script>alert(1)</script>]]>",
        "</ ><script>alert(1)</script>",
        '<math><a xlink:href="javascript:alert(1)">x</a></math>',
        '<img srcset="https://evil.example/x.png 1x">',
    ],
)
def test_html_that_acts_is_refused(source):
    with pytest.raises(TemplateRefused):
        check(source, is_html=True)


def test_links_to_the_invoice_and_to_the_web_are_fine():
    check('<p><a href="{{ invoice_url }}">Pay</a> <a href="https://example.com/?a=1&amp;b=2">Help</a></p>', is_html=True)


# --- What it becomes ----------------------------------------------------------------------------------------------------


def test_values_are_escaped_in_html_alone_and_are_never_templates_themselves():
    nasty = {**SAMPLES, "buyer_name": "<b>{{ invoice_number }}</b> & {% load x %}"}

    mail = render(Words("For {{ buyer_name }}", "Dear {{ buyer_name }}", "<p>{{ buyer_name }}</p>"), nasty)

    assert mail.text == "Dear <b>{{ invoice_number }}</b> & {% load x %}\n"
    assert "&lt;b&gt;{{ invoice_number }}&lt;/b&gt; &amp; {% load x %}" in mail.html
    assert "<b>" not in mail.html


def test_a_subject_stays_one_line():
    mail = render(Words("Pay {{ buyer_name }}", "x"), {**SAMPLES, "buyer_name": "Dora\r\nBcc: all@example.com"})

    assert mail.subject == "Pay Dora Bcc: all@example.com"


def test_html_stands_in_the_frame_of_all_our_mails():
    mail = render(Words("Please pay", "x", "<p>Now</p>"), SAMPLES)

    assert mail.html.startswith("<!DOCTYPE html>")
    assert SAMPLES["seller_name"] in mail.html
    assert "<h1" in mail.html
    assert mail.html.count("<p>Now</p>") == 1


def test_a_value_that_is_missing_is_a_bug_that_shows():
    with pytest.raises(KeyError):
        render(Words("a", "b"), {"buyer_name": "Dora"})


# --- The page -----------------------------------------------------------------------------------------------------------


def filled(**changes):
    return {
        "name": "Friendly",
        "description": "",
        "subject": "Pay {{ amount_due }}",
        "content": "Dear {{ buyer_name }}",
        "html_content": "<p>Dear {{ buyer_name }}</p>",
        **changes,
    }


def add(client, **changes):
    return client.post(reverse("admin:post_office_emailtemplate_add"), filled(**changes))


def test_a_template_is_saved_when_it_is_right(personas):
    assert add(personas.client("root")).status_code == 302

    assert EmailTemplate.objects.get(name="Friendly").subject == "Pay {{ amount_due }}"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("subject", "Pay {{ amount }}", "“amount” is not a variable"),
        ("subject", "", "required"),
        ("subject", "{% if false %}", "“{%"),
        ("subject", "{% if termination_date == 'x' %}Pay{% endif %}", "With the sample values the subject is empty."),
        ("content", "{% include 'base.html' %}", "cannot be used"),
        ("content", "", "required"),
        ("content", "{% if days_overdue == '0' %}Pay{% endif %}", "With the sample values the text is empty."),
        ("html_content", "<script>1</script>", "&lt;script&gt; cannot be used"),
        ("name", "", "required"),
    ],
)
def test_what_is_not_right_is_told_at_its_field_and_not_saved(personas, field, value, said):
    response = add(personas.client("root"), **{field: value})

    errors = response.context["adminform"].form.errors
    if said != "“{%":
        assert said in response.content.decode()
    assert list(errors) == [field]
    assert not EmailTemplate.objects.filter(name="Friendly").exists()


def test_a_name_is_given_once(personas):
    client = personas.client("root")
    add(client)

    page = add(client)

    assert "There is a template of this name already." in page.content.decode()


def test_the_page_lists_every_variable_with_meaning_and_sample(personas):
    page = personas.client("root").get(reverse("admin:post_office_emailtemplate_add")).content.decode()

    for variable in VARIABLES:
        assert f"<code>{variable.name}</code>" in page
        assert variable.meaning in page


class Frames(HTMLParser):
    """Collects iframes, scripts and handlers as a browser would see them."""

    def __init__(self):
        super().__init__()
        self.frames, self.acting = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "iframe":
            self.frames.append(dict(attrs))
        if tag == "script" or any(name.startswith("on") for name, _ in attrs):
            self.acting.append((tag, attrs))


def preview(client, **changes):
    return client.post(reverse("admin:post_office_emailtemplate_preview"), filled(**changes), headers={"HX-Request": "true"})


def test_the_preview_shows_subject_html_and_text_with_samples(personas):
    response = preview(personas.client("root"))

    page = response.content.decode()
    seen = Frames()
    seen.feed(page)
    assert "Pay 1,234.50 EUR" in page
    assert "Dear Dora Design" in page
    assert [frame["sandbox"] for frame in seen.frames] == [""]
    assert "<p>Dear Dora Design</p>" in seen.frames[0]["srcdoc"]
    assert not EmailTemplate.objects.filter(name="Friendly").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"html_content": "<script>alert(1)</script>"},
        {"html_content": '"></iframe><script>alert(1)</script>'},
        {"subject": "<script>alert(1)</script>"},
        {"content": "</pre><script>alert(1)</script>"},
    ],
)
def test_a_preview_never_acts(personas, changes):
    seen = Frames()

    seen.feed(preview(personas.client("root"), **changes).content.decode())

    assert seen.acting == []


def test_the_preview_says_what_is_wrong(personas):
    page = preview(personas.client("root"), subject="{{ buyer_nam }}").content.decode()

    assert "Did you mean buyer_name?" in page
    assert "<iframe" not in page


def test_a_test_mail_goes_to_the_signed_in_person_and_nobody_else(personas):
    client = personas.client("root")
    url = reverse("admin:post_office_emailtemplate_send_test")

    response = client.post(url, filled(to="victim@example.com", email="victim@example.com"), headers={"HX-Request": "true"})

    mail = Email.objects.get()
    assert mail.to == [personas.root.email]
    message = mail.email_message()
    assert message.subject == "Test: Pay 1,234.50 EUR"
    assert message.body.strip() == "Dear Dora Design"
    assert "<p>Dear Dora Design</p>" in message.alternatives[0][0]
    assert f"On its way to {personas.root.email}" in response.content.decode()


def test_words_that_are_not_right_are_not_sent(personas):
    response = personas.client("root").post(
        reverse("admin:post_office_emailtemplate_send_test"), filled(content="{{ nobody }}"), headers={"HX-Request": "true"}
    )

    assert "Not sent" in response.content.decode()
    assert not Email.objects.exists()


def test_a_template_in_use_is_not_deleted(personas):
    client = personas.client("root")
    add(client)
    template = EmailTemplate.objects.get(name="Friendly")
    ActionMail.objects.create(product_group=factories.ProductGroupFactory(), action="reminder", days=3, template=template)

    response = client.post(reverse("admin:post_office_emailtemplate_delete", args=[template.pk]), {"post": "yes"})

    assert response.status_code == 403
    assert (
        "Reminder after 3 days"
        in client.get(reverse("admin:post_office_emailtemplate_change", args=[template.pk])).content.decode()
    )


@pytest.mark.parametrize(("person", "status"), [("nobody", 302), ("dora", 302), ("alice", 302), ("mira", 403), ("root", 200)])
def test_only_who_may_see_templates_previews_and_tests_them(personas, person, status):
    client = personas.client(person)

    for name in ("preview", "send_test"):
        url = reverse(f"admin:post_office_emailtemplate_{name}")
        assert client.post(url, filled(), headers={"HX-Request": "true"}).status_code == status, name
    assert Email.objects.count() == (1 if person == "root" else 0)


def test_previews_and_tests_are_not_for_get(personas):
    for name in ("preview", "send_test"):
        assert personas.client("root").get(reverse(f"admin:post_office_emailtemplate_{name}")).status_code == 405


def test_who_may_only_look_does_not_change_a_template(personas):
    add(personas.client("root"))
    template = EmailTemplate.objects.get(name="Friendly")
    personas.mira.user_permissions.add(Permission.objects.get(codename="view_emailtemplate"))
    client = personas.client("mira")

    url = reverse("admin:post_office_emailtemplate_change", args=[template.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, filled(subject="Mine")).status_code == 403


# --- Those we bring -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_templates_we_bring_become_mails_with_every_fact():
    migration.add(apps, None)

    for name in ("Reminder", "Suspension", "Termination"):
        template = EmailTemplate.objects.get(name=name, default_template=None)
        words = Words(template.subject, template.content, template.html_content)
        check(words.subject)
        check(words.text)
        check(words.html, is_html=True)
        mail = render(words, SAMPLES)
        for part in (mail.text, mail.html):
            for variable in ("invoice_number", "amount_due", "due_date", "plan_name", "buyer_name", "invoice_url", "seller_name"):
                assert SAMPLES[variable] in part, (name, variable)
        assert mail.html.count("<a ") == 1
        assert "!" not in mail.subject + mail.text


@pytest.mark.django_db
def test_without_a_date_the_mail_does_not_speak_of_it():
    migration.add(apps, None)
    template = EmailTemplate.objects.get(name="Reminder", default_template=None)

    mail = render(Words(template.subject, template.content), {**SAMPLES, "suspension_date": ""})

    assert "suspended" not in mail.text


@pytest.mark.django_db
def test_bringing_them_again_keeps_what_somebody_edited():
    migration.add(apps, None)
    EmailTemplate.objects.filter(name="Reminder").update(subject="Mine")

    migration.add(apps, None)

    assert EmailTemplate.objects.filter(default_template=None).count() == 3
    assert EmailTemplate.objects.get(name="Reminder").subject == "Mine"
