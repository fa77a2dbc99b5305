from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import EventKind, NavigationEntry, ServicePointConfig

_RECEPTION = ("patients.register",)


class CheckinConfig(ServicePointConfig):
    """Reception (section 1.1). Its fees come from the hospital's department blocks."""

    name = "almoner.service_points.checkin"
    label = "checkin"
    title = _("Check-in")
    url_prefix = "check-in"
    event_kinds = (EventKind("patient.checked_in", _("Patient checked in"), "7.1 PatientCheckedIn"),)
    api_router = "almoner.service_points.checkin.api.router"
    navigation = (
        NavigationEntry(
            _("Reception"), "checkin:arrivals", icon="door-enter", key="r", permissions=_RECEPTION
        ),
    )
    patient_links = (
        NavigationEntry(_("Check in"), "checkin:patient", icon="door-enter", permissions=_RECEPTION),
        NavigationEntry(
            _("Book an appointment"),
            "checkin:appointment",
            icon="calendar-plus",
            permissions=("scheduling.book",),
        ),
        NavigationEntry(
            _("Merge a duplicate"), "checkin:merge-choose", icon="arrows-join", permissions=_RECEPTION
        ),
    )
    encounter_links = (
        NavigationEntry(_("Token and fees"), "checkin:visit", icon="ticket", permissions=_RECEPTION),
    )
