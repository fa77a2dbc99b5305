from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import (
    DefaultChargeRule,
    EventKind,
    NavigationEntry,
    ServicePointConfig,
    Step,
)

_DOCTOR = ("consultation.start",)


class ConsultationConfig(ServicePointConfig):
    """The doctor's room (section 1.2), and any other service that somebody provides."""

    name = "almoner.service_points.consultation"
    label = "consultation"
    title = _("Consultation")
    url_prefix = "consultation"
    event_kinds = (
        EventKind(
            "consultation.started",
            _("Consultation started"),
            "7.1 ConsultationStarted",
            delivers="consultation.start",
        ),
        EventKind("consultation.ended", _("Consultation ended")),
        EventKind("equipment.used", _("Equipment used"), delivers="equipment.use"),
        EventKind("service.provided", _("Service provided"), "7.1 ServiceProvided"),
    )
    steps = (
        Step("consultation.start", _("Consultation"), _("Start consultation")),
        Step("equipment.use", _("Equipment"), _("Use equipment")),
    )
    charge_rules = (
        DefaultChargeRule(
            code="service_provided",
            event_kind="service.provided",
            delivered_on_capture=True,
        ),
    )
    api_router = "almoner.service_points.consultation.api.router"
    navigation = (
        NavigationEntry(
            _("Consultation"), "consultation:queue", icon="stethoscope", key="c", permissions=_DOCTOR
        ),
    )
    encounter_links = (
        NavigationEntry(_("Consultation"), "consultation:visit", icon="stethoscope", permissions=_DOCTOR),
    )
