"""The API's own pages: they show every endpoint, with nothing inline and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect


def test_the_documentation_shows_the_endpoints_under_the_strict_policy(visit: Callable[..., Any]) -> None:
    visitor = visit()
    requested: list[str] = []
    visitor.page.on("request", lambda request: requested.append(request.url))
    page = visitor.open("/api/docs")
    expect(page.get_by_role("heading", name="Almoner")).to_be_visible()
    endpoint = page.locator("#operations-Payments-record_payment")
    expect(endpoint).to_be_visible()
    endpoint.get_by_role("button").first.click()
    expect(endpoint.get_by_text("Scopes: payments.record.")).to_be_visible()
    expect(endpoint.get_by_text("Idempotency-Key").first).to_be_visible()
    assert all(url.startswith((visitor.address, "data:")) for url in requested), requested
    visitor.picture("api-docs")
