"""The pictures of the README, from a running installation: .venv/bin/python bench/screenshots.py URL USER [PASSWORD]

    make run     # and three minutes later, when the demo has its good and its bad deployment, in another terminal:
    .venv/bin/python bench/screenshots.py http://127.0.0.1:8000 admin <the password that `make run` printed>

Writes docs/images/overview.png, deployment.png and issue.png, and each once more in dark as overview-dark.png and so
on: the top of the page, 1440 by 1000 pixels. Without the argument the password is read from the variable PASSWORD.

--project SLUG   which project, the first one without it
--into FOLDER    where to, docs/images without it
--height PIXELS  how much of each page, 1000 without it

The deployment is the latest one that went bad, the issue the first of the log, whatever its status. Needs Debian's
chromium (ci/system-packages) and what `make test` installs.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 1440
THEMES = {"light": "", "dark": "-dark"}
BAD = ("failed", "degraded", "blind", "inconclusive")


def main() -> None:
    """Sign in once for each theme and photograph the three pages."""
    wanted = arguments()
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed: ci/system-packages installs it")
    wanted.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for theme, suffix in THEMES.items():
            page = signed_in(browser, wanted, theme)
            for name, path in pages(page, wanted.project).items():
                file = wanted.into / f"{name}{suffix}.png"
                photograph(page, path, file)
                print(f"{file}  {file.stat().st_size // 1024} KB  {page.title()}")
            page.context.close()
        browser.close()


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password", nargs="?", default=os.environ.get("PASSWORD", ""))
    parser.add_argument("--project", default="")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--height", type=int, default=1000)
    return parser.parse_args()


def signed_in(browser: Browser, wanted: argparse.Namespace, theme: str) -> Page:
    """Return a page of somebody signed in, who likes things still and in `theme`."""
    context = browser.new_context(
        base_url=wanted.url,
        viewport={"width": WIDTH, "height": wanted.height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/account/login/")
    page.get_by_label("E-mail or user name").fill(wanted.user)
    page.get_by_label("Password").fill(wanted.password)
    page.get_by_role("button", name="Sign in").click()
    if "/account/login/" in page.url:
        sys.exit(f"{wanted.user} could not sign in at {wanted.url}: is the password right?")
    return page


def pages(page: Page, project: str) -> dict[str, str]:
    """Return the addresses of the three pages, by the name of their picture."""
    page.goto(f"/p/{project}/" if project else "/")
    overview = page.get_by_role("link", name="Overview").first.get_attribute("href") or "/"
    return {
        "overview": overview,
        "deployment": deployment_of(page, overview),
        "issue": first(page, f"{overview}issues/?status=any", f'a[href^="{overview}issues/"][href*="-"]', "issue"),
    }


def deployment_of(page: Page, overview: str) -> str:
    """Return the latest deployment with the worst verdict there is."""
    links = f'tbody a[href^="{overview}deployments/"]'
    for verdict in BAD:
        page.goto(f"{overview}deployments/?verdict={verdict}")
        if page.locator(links).count():
            return page.locator(links).first.get_attribute("href") or ""
    return first(page, f"{overview}deployments/", links, "deployment")


def first(page: Page, path: str, links: str, what: str) -> str:
    """Return where the first of `links` on the page at `path` leads; end if there is none."""
    page.goto(path)
    if not page.locator(links).count():
        sys.exit(f"{page.url} shows no {what} yet: try again when there is one")
    return page.locator(links).first.get_attribute("href") or ""


def photograph(page: Page, path: str, file: Path) -> None:
    """Open a page, let its charts draw, and keep the top of it."""
    page.goto(path, wait_until="networkidle")
    for chart in page.locator("[data-chart]:visible").all():
        chart.locator("canvas").wait_for()
    page.mouse.move(0, 0)
    page.screenshot(path=file, animations="disabled")


if __name__ == "__main__":
    main()
