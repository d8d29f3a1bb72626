"""A browser window at which somebody is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client
from playwright.sync_api import Browser, Page

from accounts.models import User


@contextmanager
def window(chromium: Browser, url: str, *, width: int, height: int, cookies: dict[str, str] | None = None) -> Iterator[Page]:
    """Open a window of ``width`` x ``height`` pixels at which nobody is signed in; what its console complains about fails."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": height}, base_url=url)
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in (cookies or {}).items()])
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@contextmanager
def signed_in(chromium: Browser, url: str, person: User, *, width: int, height: int) -> Iterator[Page]:
    """Open such a window at which ``person`` is signed in."""
    client: Any = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    with window(chromium, url, width=width, height=height, cookies={"sessionid": client.cookies["sessionid"].value}) as page:
        yield page
