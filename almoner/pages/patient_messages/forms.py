"""How a hospital writes to its patients, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.messaging.models import Channel
from almoner.messaging.rules import MAXIMUM_SUBJECT, MessagingRules, QuietHours
from almoner.messaging.texts import MAXIMUM_BODY, Words
from almoner.pages.forms import StaffForm

ORDERS = {
    "email": _("By email only"),
    "sms": _("By SMS only"),
    "email,sms": _("By email, by SMS to whom no email reaches"),
    "sms,email": _("By SMS, by email to whom no SMS reaches"),
}


class DaysField(forms.CharField):
    """Numbers of days with commas between them: ``1, 7, 21``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=60, required=False, **kwargs)
        self.widget.attrs.update({"inputmode": "numeric", "autocomplete": "off"})

    def clean(self, value: Any) -> tuple[int, ...]:
        words = [word.strip() for word in super().clean(value).split(",") if word.strip()]
        if not all(word.isascii() and word.isdigit() and len(word) < 5 for word in words):
            raise forms.ValidationError(_("Enter days with commas between them, such as 1, 7, 21."))
        return tuple(int(word) for word in words)


class ClockField(forms.TimeField):
    """A time of the day by the hospital's clock."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
        super().__init__(required=False, widget=widget, input_formats=["%H:%M"], **kwargs)


class RulesForm(StaffForm):
    """Quiet hours, channels, and the days of reminders, as ``rules`` have them until something else is typed."""

    quiet_from = ClockField(label=_("Quiet from"))
    quiet_until = ClockField(label=_("Quiet until"))
    channels = forms.ChoiceField(label=_("Messages go"), choices=list(ORDERS.items()))
    days_before = DaysField(
        label=_("Days before something falls due"), help_text=_("0 is the day itself. Empty: not before.")
    )
    days_after = DaysField(
        label=_("Days after something is overdue"), help_text=_("Counted from the end of the grace period.")
    )

    def __init__(self, *args: Any, rules: MessagingRules, **kwargs: Any) -> None:
        initial = {
            "quiet_from": rules.quiet.starts if rules.quiet else None,
            "quiet_until": rules.quiet.ends if rules.quiet else None,
            "channels": ",".join(rules.channels),
            "days_before": ", ".join(str(day) for day in rules.days_before),
            "days_after": ", ".join(str(day) for day in rules.days_after),
        }
        super().__init__(*args, initial=initial, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "quiet_from" in data and "quiet_until" in data:
            for name, other in (("quiet_from", "quiet_until"), ("quiet_until", "quiet_from")):
                if data[other] is not None and data[name] is None:
                    self.add_error(name, _("Enter both times, or none."))
        return data

    @property
    def rules(self) -> MessagingRules:
        """What a valid form says."""
        data = self.cleaned_data
        quiet = None
        if data["quiet_from"] is not None:
            quiet = QuietHours(data["quiet_from"], data["quiet_until"])
        return MessagingRules(
            quiet, tuple(data["channels"].split(",")), data["days_before"], data["days_after"]
        )


class WordingForm(StaffForm):
    """The hospital's own words for a message; an SMS has no subject."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {"kind": "", "channel": "", "locale": ""}
    subject = forms.CharField(label=_("Subject"), max_length=MAXIMUM_SUBJECT)
    body = forms.CharField(label=_("Text"), widget=forms.Textarea(attrs={"rows": 14}))
    starts_on = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, channel: str, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["body"].max_length = MAXIMUM_BODY[Channel(channel)]  # type: ignore[attr-defined]
        self.fields["starts_on"].widget.attrs["min"] = today.isoformat()
        if channel == Channel.SMS:
            del self.fields["subject"]
            self.fields["body"].widget.attrs["rows"] = 5

    def clean_body(self) -> str:
        """Line ends as they are sent, not as a browser sends them."""
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")

    def clean_starts_on(self) -> date:
        day: date = self.cleaned_data["starts_on"]
        if day < self.today:
            raise forms.ValidationError(_("Choose today or a later day: what was sent stays as it was."))
        return day

    @property
    def words(self) -> Words:
        """What a valid form says."""
        return Words(self.cleaned_data["body"], self.cleaned_data.get("subject", ""))

    @property
    def typed(self) -> Words:
        """What was typed so far, valid or not."""
        subject = self.data.get("subject", "") if "subject" in self.fields else ""
        return Words(self.data.get("body", "").replace("\r\n", "\n"), subject)
