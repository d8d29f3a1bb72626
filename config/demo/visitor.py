"""One person at the pages: follows links, fills forms and presses buttons, as a browser without JavaScript does."""

import hashlib
import hmac
import time
from base64 import b32decode
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import mechanicalsoup

COMPLAINTS = ".error-summary li, .errorlist li, .invalid-feedback, .alert, [role=alert], .bss-error"


class StoryFailed(Exception):
    """The story cannot go on; the text says where and why."""


class Visitor:
    """
    A signed-out visitor of the installation at ``base_url``.

    :raises StoryFailed: by every method, when a page answers with an error or is not the one it should be.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.browser = mechanicalsoup.StatefulBrowser(soup_config={"features": "html.parser"}, user_agent="Cloudtill demo")
        self.browser.session.trust_env = False  # a proxy is for the network, not for this machine

    @property
    def path(self) -> str:
        return str(urlsplit(self.browser.url).path)

    def sign_in(self, email: str, password: str, *, second_factor: str = "") -> None:
        """Sign in with e-mail and password and, for staff, a code of the second factor (its secret in base32)."""
        self.open("/accounts/login/")
        self.submit("form:has(input[name=password])", login=email, password=password)
        if second_factor:
            self.expect("/accounts/2fa/authenticate/")
            self.submit("form:has(input[name=code])", code=one_time_code(second_factor))
        if self.path.startswith("/accounts/"):
            raise StoryFailed(f"{email} could not sign in: {self.complaints()}")

    def open(self, path: str) -> None:
        """Go to an address."""
        self._check(self.browser.open(urljoin(self.base_url, path)))

    def submit(self, form: str, button: str = "", files: dict[str, Path] | None = None, /, **fields: str) -> None:
        """Fill the first form that matches a CSS selector and press its first button, or the one with this text."""
        if self.browser.page is None or self.browser.page.select_one(form) is None:
            raise StoryFailed(f"There is no form {form} on {self.path}: {self.complaints()}")
        selected = self.browser.select_form(form)
        for name, value in fields.items():
            selected.set(name, value)
        opened = {name: path.open("rb") for name, path in (files or {}).items()}
        try:
            for name, file in opened.items():
                selected.set(name, file)
            self._check(self.browser.submit_selected(btnName=self._button(selected, button)))
        finally:
            for file in opened.values():
                file.close()

    def expect(self, path: str) -> None:
        """Make sure that this is the page at ``path`` (a beginning is enough); otherwise tell what it complained about."""
        if not self.path.startswith(path):
            raise StoryFailed(f"Expected the page {path}, but this is {self.path}: {self.complaints()}")

    def find(self, selector: str) -> Any:
        """Return the first element that matches a CSS selector."""
        found = self.browser.page.select_one(selector) if self.browser.page else None
        if found is None:
            raise StoryFailed(f"There is no {selector} on {self.path}: {self.complaints()}")
        return found

    def option(self, select: str, text: str) -> str:
        """Return the value of the option that shows ``text`` in the select of that name."""
        options = self.find(f"select[name='{select}']").select("option")
        found = next((option for option in options if text in option.get_text()), None)
        if found is None:
            raise StoryFailed(f"{text} cannot be chosen as {select} on {self.path}.")
        return str(found["value"])

    def has(self, text: str) -> bool:
        """Say whether the page shows ``text``."""
        return self.browser.page is not None and text in " ".join(self.browser.page.get_text(" ").split())

    def download(self, path: str) -> bytes:
        """Return the file at ``path``."""
        answer = self.browser.session.get(urljoin(self.base_url, path), timeout=60)
        if answer.status_code != 200:
            raise StoryFailed(f"{path} answered {answer.status_code}.")
        return bytes(answer.content)

    def notice(self) -> str:
        """Return what the BSS says was done, in one line; empty if it says nothing."""
        found = self.browser.page.select("ul.mb-6 > li") if self.browser.page else []
        return " ".join(" ".join(element.get_text(" ").split()) for element in found[:1])

    def complaints(self) -> str:
        """Return what the page says is wrong, in one line."""
        found = self.browser.page.select(COMPLAINTS) if self.browser.page else []
        said = dict.fromkeys(" ".join(element.get_text(" ").split()) for element in found)
        return " ".join(sentence for sentence in said if sentence) or "it does not say why."

    def _check(self, answer: Any) -> None:
        if answer.status_code >= 400:
            asked = f"{answer.request.method} {urlsplit(answer.url).path}"
            raise StoryFailed(f"{asked} answered {answer.status_code}: {self.complaints()}")

    @staticmethod
    def _button(selected: Any, text: str) -> Any:
        if not text:
            return None
        found = next((b for b in selected.form.select("button") if " ".join(b.get_text(" ").split()) == text), None)
        if found is None:
            raise StoryFailed(f"There is no button “{text}”.")
        return found


def one_time_code(secret: str) -> str:
    """Return the present six-digit code of an authenticator app (RFC 6238, SHA-1, 30 seconds)."""
    counter = int(time.time() // 30).to_bytes(8)
    digest = hmac.new(b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
