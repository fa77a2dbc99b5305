"""The words of each kind of message: the shipped ones, and the hospital's own."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.messaging.operations import (
    PERMISSION_CONFIGURE,
    check_place,
    end_wording,
    write_wording,
)
from almoner.messaging.queries import Place, wordings_in_force, words_on
from almoner.messaging.texts import VARIABLES
from almoner.pages.answers import go_to
from almoner.pages.forms import sent
from almoner.pages.patient_messages.forms import WordingForm
from almoner.pages.patient_messages.presenting import (
    place_title,
    present_preview,
    version_lines,
    wording_lines,
)
from almoner.pages.patient_messages.queries import wordings_at
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422


@require_safe
@hospital_view(PERMISSION_CONFIGURE)
def overview(request: HospitalRequest) -> HttpResponse:
    """``/messages/wordings/``: every kind, channel and language, and which of them has words of the hospital's own."""
    lines = wording_lines(wordings_in_force(request.today), request.formats)
    return render(request, "patient_messages/wordings.html", {"lines": lines})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CONFIGURE)
def wording(request: HospitalRequest, kind: str, channel: str, locale: str) -> HttpResponse:
    """``/messages/wordings/KIND/CHANNEL/LOCALE/``: the words in force, to be written anew from a day on."""
    place = _place(kind, channel, locale)
    with transaction(request.hospital.id):
        own = wordings_in_force(request.today)
        versions = wordings_at(place)
    words = words_on(place, own)
    form = WordingForm(
        sent(request),
        channel=channel,
        today=request.today,
        initial={"subject": words.subject, "body": words.body, "starts_on": request.today},
    )
    if request.method == "POST":
        written = form.attempt(
            lambda: write_wording(
                request.hospital.id,
                kind=kind,
                channel=channel,
                locale=locale,
                words=form.words,
                starts_on=form.cleaned_data["starts_on"],
                actor=request.actor,
                at=request.at,
            )
        )
        if written is not None:
            day = request.formats.day(written.starts_on)
            messages.success(request, _("These words hold from %(day)s on.") % {"day": day})
            return go_to(reverse("patient_messages:wordings"))
    context = {
        "form": form,
        "title": place_title(place),
        "place": {"kind": kind, "channel": channel, "locale": locale},
        "variables": VARIABLES.items(),
        "is_own": place in own,
        "versions": version_lines(versions, request.formats),
        "preview": present_preview(place, words, request.hospital, today=request.today),
    }
    template = "patient_messages/wording_form.html" if form.errors else "patient_messages/wording.html"
    return render(request, template, context, status=INVALID if form.errors else 200)


@require_POST
@hospital_view(PERMISSION_CONFIGURE)
def preview(request: HospitalRequest, kind: str, channel: str, locale: str) -> HttpResponse:
    """What the typed words would come to; nothing is stored."""
    place = _place(kind, channel, locale)
    form = WordingForm(request.POST, channel=channel, today=request.today)
    shown = present_preview(place, form.typed, request.hospital, today=request.today)
    return render(request, "patient_messages/preview.html", {"preview": shown})


@require_POST
@hospital_view(PERMISSION_CONFIGURE)
def end(request: HospitalRequest, kind: str, channel: str, locale: str) -> HttpResponse:
    """Go back to the shipped words from today on."""
    _place(kind, channel, locale)
    end_wording(
        request.hospital.id,
        kind=kind,
        channel=channel,
        locale=locale,
        starts_on=request.today,
        actor=request.actor,
        at=request.at,
    )
    messages.success(request, _("The shipped words hold again."))
    return redirect("patient_messages:wordings")


def _place(kind: str, channel: str, locale: str) -> Place:
    """Raises ``NotFound`` for words that there are none of."""
    try:
        check_place(kind, channel, locale)
    except DomainError as error:
        raise NotFound(error.message, field=error.field, code=error.code) from error
    return kind, channel, locale
