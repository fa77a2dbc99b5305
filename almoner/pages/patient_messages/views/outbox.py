"""What was written to patients, what waits, what could not be sent."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from almoner.messaging.operations import PERMISSION_CONFIGURE, PERMISSION_MANAGE, send_again
from almoner.pages.answers import done
from almoner.pages.live import live_page
from almoner.pages.patient_messages.presenting import TABS, message_line, present_message, tabs
from almoner.pages.patient_messages.queries import MAXIMUM_ROWS, count_messages, find_message, list_messages
from almoner.pages.staff import HospitalRequest, hospital_view


@require_safe
@hospital_view(PERMISSION_MANAGE)
def messages(request: HospitalRequest) -> HttpResponse:
    """``/messages/``: every message, failed ones first; ``?show=failed`` (a state): those alone."""
    show = request.GET.get("show", "")
    show = show if show in TABS else ""
    found = list_messages(show)
    context = {
        "tabs": tabs(show, count_messages()),
        "rows": [message_line(one, request.formats, today=request.today) for one in found],
        "is_full": len(found) == MAXIMUM_ROWS,
        "may_configure": request.actor.may(PERMISSION_CONFIGURE),
    }
    return live_page(
        request,
        "patient_messages/list.html",
        "patient_messages/list_content.html",
        context,
        query=f"show={show}",
    )


@require_safe
@hospital_view(PERMISSION_MANAGE)
def message(request: HospitalRequest, message_id: UUID) -> HttpResponse:
    """A dialog: one message, word for word, and what became of it."""
    shown = present_message(find_message(message_id), request.formats, today=request.today)
    return render(request, "patient_messages/message.html", {"message": shown})


@require_POST
@hospital_view(PERMISSION_MANAGE)
def again(request: HospitalRequest, message_id: UUID) -> HttpResponse:
    """Send a failed message again, within a minute."""
    send_again(request.hospital.id, message_id, actor=request.actor, at=request.at)
    return done(_("It is tried again within a minute."))
