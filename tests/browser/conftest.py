"""Chromium, and a phone in it on which Dora is signed in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import LAUNCH

# Playwright's loop makes Django think that this thread is asynchronous; the test itself is not.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(LAUNCH["executable_path"]).exists():
        pytest.fail("Browser tests need Chromium at /usr/bin/chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, live_server, personas, client) -> Iterator[Page]:
    """A phone on which Dora is signed in; what the console complains about fails the test."""
    complaints: list[str] = []
    client.force_login(personas.dora, backend="django.contrib.auth.backends.ModelBackend")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
