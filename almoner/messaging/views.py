"""The page behind the link in an email, for whoever has it; a mail program may press its button by itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.clock import now
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.messaging.models import Channel
from almoner.messaging.operations import PERMISSION_CONTACT, opt_in, opt_out
from almoner.messaging.queries import opt_outs_of
from almoner.messaging.stopping import read_stop_ticket

READER = Actor("link:email", frozenset({PERMISSION_CONTACT}))
"""Who has an email with the link: they may end and resume such emails, and nothing else."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, ticket: str) -> HttpResponse:
    """``/messages/stop/TICKET/``: end such emails, or get them again. Opening it changes nothing.

    The ticket is the permission, so no log-in and no CSRF token is asked for: mail programs send
    ``List-Unsubscribe=One-Click`` (RFC 8058).
    """
    try:
        hospital_id, patient_id = read_stop_ticket(ticket)
        if request.method == "POST":
            change = opt_in if "resume" in request.POST else opt_out
            change(hospital_id, patient_id, Channel.EMAIL, actor=READER, at=now())
        with transaction(hospital_id):
            stopped = Channel.EMAIL in opt_outs_of(patient_id)
        hospital = Hospital.objects.get(id=hospital_id)
        context = {"stopped": stopped, "hospital": hospital.name, "here": request.path}
        response = render(request, "messaging/stop.html", context)
    except (NotFound, Hospital.DoesNotExist):
        response = render(request, "messaging/stop_unknown.html", status=404)
    add_never_cache_headers(response)
    return response
