"""Chromium, a phone in it on which Dora is signed in, and windows of both sizes for her and for Alice."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import LAUNCH
from tests.browser.windows import signed_in
from tests.conftest import Personas

# Playwright's loop makes Django think that this thread is asynchronous; the test itself is not.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(LAUNCH["executable_path"]).exists():
        pytest.fail("Browser tests need Chromium at /usr/bin/chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, live_server, personas) -> Iterator[Page]:
    """A phone on which Dora is signed in; what the console complains about fails the test."""
    with signed_in(chromium, live_server.url, personas.dora, width=390, height=844) as page:
        yield page


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    width, height = SIZES[request.param]
    return {"width": width, "height": height}


@pytest.fixture
def dora(chromium: Browser, live_server, personas: Personas, size: dict[str, int]) -> Iterator[Page]:
    with signed_in(chromium, live_server.url, personas.dora, **size) as page:
        yield page


@pytest.fixture
def alice(chromium: Browser, live_server, personas: Personas, size: dict[str, int]) -> Iterator[Page]:
    with signed_in(chromium, live_server.url, personas.alice, **size) as page:
        yield page
