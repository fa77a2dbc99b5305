"""Answers to a form that was sent from a page."""

from __future__ import annotations

import json

from django.http import HttpResponse


def done(message: str) -> HttpResponse:
    """It is done: the dialog closes, ``message`` is said, and what waits on the page looks again."""
    response = HttpResponse()
    response["HX-Trigger"] = json.dumps({"almoner:done": {"message": message}})
    return response


def go_to(url: str) -> HttpResponse:
    """It is done, and goes on at ``url``."""
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response
