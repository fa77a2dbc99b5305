"""The letter that asks a patient to open their own page. It names no patient: it may reach the wrong person."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from almoner.pages.staff import HospitalRequest
from almoner.portal.invitations import VALID_FOR, token_of
from almoner.portal.models import PatientInvitation

logger = logging.getLogger(__name__)


def send_invitation(request: HospitalRequest, invitation: PatientInvitation) -> bool:
    """Send the letter; returns whether the mail server took it. Needs no transaction open."""
    context = {
        "hospital": request.hospital.name,
        "url": request.build_absolute_uri(reverse("portal:join", args=[token_of(invitation)])),
        "days": VALID_FOR.days,
    }
    try:
        send_mail(
            _("Your page at %(hospital)s") % {"hospital": request.hospital.name},
            render_to_string("portal/letter.txt", context),
            None,
            [invitation.email],
        )
    except (OSError, SMTPException):
        logger.exception("A patient's invitation could not be sent")
        return False
    return True
