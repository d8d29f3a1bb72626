"""Ways through a page for who has a keyboard only."""

from playwright.sync_api import Page


def reach(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, which has to be seen, within as many steps as a patient person takes."""
    for _ in range(60):
        if page.locator(selector).first.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab on {page.url}")


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    reach(page, selector)
    page.keyboard.press(key)


def choose_by_key(page: Page, selector: str, begins: str) -> None:
    """Type the beginning of a choice, as one does in a list that has the focus."""
    reach(page, selector)
    page.keyboard.type(begins)
