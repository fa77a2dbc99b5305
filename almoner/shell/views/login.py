"""Coming in, going out, and choosing where to work."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.forms import EmailField, EmailInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from almoner.pages.staff import SESSION_KEY, workplaces_of


class LoginForm(AuthenticationForm):
    """Email and password. A wrong email and a wrong password are refused with the same words."""

    username = EmailField(
        label=_("Email"),
        error_messages={
            "required": _("Enter your email address."),
            "invalid": _("Enter an email address such as name@hospital.org."),
        },
        widget=EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    error_messages = {
        "invalid_login": _("This email and password do not belong together. Check both and try again."),
        "inactive": _("This account is closed. Ask your administrator."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = _("Enter your password.")
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-control form-control-lg"
            field.widget.attrs["aria-describedby"] = f"{name}-problem"


class Login(LoginView):
    """``/login/``"""

    template_name = "login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


@login_required
@require_http_methods(["GET", "POST"])
def choose_hospital(request: HttpRequest) -> HttpResponse:
    """Where to work, for who works at several hospitals; says what to do to who works at none."""
    workplaces = workplaces_of(request.user)  # type: ignore[arg-type]
    if request.method == "POST":
        wanted = _as_uuid(request.POST.get("hospital", ""))
        if any(place.hospital.id == wanted for place in workplaces):
            request.session[SESSION_KEY] = str(wanted)
            return redirect("day")
    return render(request, "choose_hospital.html", {"choices": workplaces})


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
