"""A browser window at which somebody is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client
from playwright.sync_api import Browser, Page

from accounts.models import User


@contextmanager
def signed_in(chromium: Browser, url: str, person: User, *, width: int, height: int) -> Iterator[Page]:
    """Open a window of ``width`` x ``height`` pixels at which ``person`` is signed in; what its console complains about fails."""
    complaints: list[str] = []
    client: Any = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    context = chromium.new_context(viewport={"width": width, "height": height}, base_url=url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
