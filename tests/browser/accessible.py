"""What axe-core says of a page: nobody is kept out by how it is written."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import fits

SERIOUS = ("serious", "critical")
_axe = Axe()


def serious_findings(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical on the page as it stands, one line for each element.

    It waits until the page has loaded: after a click the window shows the next page from its first byte on,
    and a document that has no element yet cannot be judged.
    """
    page.wait_for_load_state()
    found = _axe.run(page).response["violations"]
    return [
        f"{page.url}: {one['id']} at {node['html'][:200]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]
    ]


def looked_at(page: Page, found: list[str]) -> None:
    """Hear what axe-core says of the page, and see that it is not wider than the window."""
    found += serious_findings(page)
    assert fits(page), page.url
