"""Answers to a form that was sent from a page."""

from __future__ import annotations

import json

from django.http import HttpResponse


def done(message: str, response: HttpResponse | None = None) -> HttpResponse:
    """It is done: the dialog closes, ``message`` is said, and what waits on the page looks again.

    ``response`` is what takes the form's place, such as the next empty one; nothing when left out.
    """
    response = response or HttpResponse()
    response["HX-Trigger"] = json.dumps({"almoner:done": {"message": message}})
    return response


def go_to(url: str) -> HttpResponse:
    """It is done, and goes on at ``url``."""
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response


def held(message: str) -> HttpResponse:
    """It was held meanwhile: ``message`` says why, and the page looks again."""
    response = HttpResponse(status=409)
    response["HX-Reswap"] = "none"
    response["HX-Trigger"] = json.dumps({"almoner:refused": {"message": message}, "almoner:changed": None})
    return response
