"""The letter that asks somebody to join the staff."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from almoner.identity.invitations import VALID_FOR, token_of
from almoner.identity.models import Invitation
from almoner.pages.staff import HospitalRequest

logger = logging.getLogger(__name__)


def send_invitation(request: HospitalRequest, invitation: Invitation) -> bool:
    """Send the letter; returns whether the mail server took it. Needs no transaction open."""
    context = {
        "hospital": request.hospital.name,
        "invited_by": request.user.name,
        "url": request.build_absolute_uri(reverse("people:join", args=[token_of(invitation)])),
        "days": VALID_FOR.days,
    }
    try:
        send_mail(
            _("%(hospital)s invites you") % {"hospital": request.hospital.name},
            render_to_string("people/invitation_letter.txt", context),
            None,
            [invitation.email],
        )
    except (OSError, SMTPException):
        logger.exception("An invitation could not be sent")
        return False
    return True
