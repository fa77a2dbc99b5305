"""A real Chromium against the application, which runs as its own role on the worker's database.

Nothing here imports a model at the top: the process that only hands out tests loads this file without a database.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    from almoner.hospitals.models import Hospital
    from tests.support.day import BusyDay

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("ALMONER_CHROMIUM", "/usr/bin/chromium"))
PATIENCE_MS = 15_000
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one module: its event loop must not be running while another module's tests do."""
    if not CHROMIUM.exists():
        pytest.fail(
            f"The browser tests need Chromium at {CHROMIUM}: `make test` installs it, "
            "or name another one in ALMONER_CHROMIUM.",
            pytrace=False,
        )
    subprocess.run(
        [sys.executable, str(ROOT / "frontend" / "build.py")], check=True, stdout=subprocess.DEVNULL
    )
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def database(django_db_blocker: Any) -> Iterator[None]:
    """Committed data for a module, whose books must be whole at its end.

    Playwright keeps an event loop in this thread, where Django would refuse.
    """
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with django_db_blocker.unblock():
        from django.db import connections

        from almoner.hospitals.models import Hospital

        known = set(Hospital.objects.values_list("id", flat=True))
        yield
        wrong = broken_promises(Hospital.objects.exclude(id__in=known))
        connections.close_all()
        assert wrong == [], "almoner verify: the books are not whole after these journeys"
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def broken_promises(hospitals: Iterable[Hospital]) -> list[str]:
    """What ``almoner verify`` finds wrong in the books of ``hospitals``."""
    from django.db import connection

    from almoner.kernel.tenancy import transaction
    from almoner.reports.verify import check_books

    wrong = []
    for hospital in hospitals:
        with transaction(hospital.id), connection.cursor() as cursor:
            wrong += [
                f"{hospital.slug}: {result.check.title}: {result.findings}"
                for result in check_books(cursor)
                if result.wrong
            ]
    return wrong


@pytest.fixture(scope="module")
def server(database: None) -> Iterator[LiveServer]:
    """The application behind a real socket, at 15:20 on 2 March 2026 as far as its pages know."""
    from tests.support.day import AT

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        server = LiveServer("localhost")
        yield server
        server.stop()


@pytest.fixture(scope="module")
def busy_day(database: None) -> BusyDay:
    from tests.support.day import make_busy_day

    return make_busy_day()


class Visitor:
    """A fresh browser profile whose complaints (console errors, content-security violations) fail the test."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.set_default_timeout(PATIENCE_MS)

    def _heard(self, message: ConsoleMessage) -> None:
        # Leaving a page ends what it was asking for, which htmx writes down as an error.
        if message.text.startswith(("htmx:afterRequest", "htmx:sendAbort")):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def log_in(self, email: str, password: str = "") -> Page:
        """Log in with ``password``, or with the one that ``make_member`` gives, in whichever language."""
        from tests.support.day import PASSWORD

        page = self.open("/login/")
        page.locator("[name=login]").fill(email)
        page.locator("[name=password]").fill(password or PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(lambda address: "/login/" not in address)
        return page

    def picture(self, name: str, *, full_page: bool = False) -> None:
        """Save what is seen as ``name``.png when ``ALMONER_SCREENSHOTS`` names a folder."""
        if folder := os.environ.get("ALMONER_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=full_page)

    def expect_complaint(self, part: str) -> None:
        """A complaint that the test provoked: it must have come, and is forgotten."""
        assert any(part in complaint for complaint in self.complaints), self.complaints
        self.forget(part)

    def forget(self, part: str) -> None:
        """A complaint that may come along with what the test provoked."""
        self.complaints = [complaint for complaint in self.complaints if part not in complaint]


@pytest.fixture
def visit(browser: Browser, server: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """``visit(width=, height=, colour_scheme=, locale=)`` opens a fresh profile."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_profile(
        *,
        width: int = 1280,
        height: int = 720,
        colour_scheme: str = "light",
        locale: str = "en-US",
        **more: Any,
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=colour_scheme, locale=locale, **more
        )
        contexts.append(context)
        visitors.append(Visitor(context, server.url))
        return visitors[-1]

    yield open_profile
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []
