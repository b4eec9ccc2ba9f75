"""Make the pictures of the README from a running demo.

    BIND=127.0.0.1:8400 VAR=/tmp/pictures make run          # wait until the second version has failed
    python bench/screenshots.py http://127.0.0.1:8400 admin PASSWORD docs/images

Needs Debian's chromium (`ci/system-packages`). Writes overview, deployment, issue and summary, light and dark.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

SIZE = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(site: str, user: str, password: str, directory: Path) -> None:
    """Write the pictures into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for theme in ("light", "dark"):
            photograph(signed_in(browser, site, user, password, theme), site, directory, theme)
        browser.close()


def signed_in(browser: Browser, site: str, user: str, password: str, theme: str) -> Page:
    """Return a page of a fresh browser, signed in."""
    context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce", device_scale_factor=1)
    page = context.new_page()
    page.goto(f"{site}/account/login/")
    page.fill("[name=login]", user)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/account/" not in url)
    return page


def photograph(page: Page, site: str, directory: Path, theme: str) -> None:
    """Take the four pictures of the demo's bad deployment."""
    end = "" if theme == "light" else "-dark"
    page.goto(f"{site}/p/demo/")
    save(page, directory / f"overview{end}.png")
    deployment = page.get_by_role("link", name="v1.1.0", exact=True).first.get_attribute("href")
    page.goto(f"{site}{deployment}")
    save(page, directory / f"deployment{end}.png")
    page.goto(f"{site}{deployment}summary/")
    save(page, directory / f"summary{end}.png")
    page.goto(f"{site}/p/demo/issues/DEMO-1/")
    save(page, directory / f"issue{end}.png")


def save(page: Page, path: Path) -> None:
    """Write what a screen shows, once the charts are drawn."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
