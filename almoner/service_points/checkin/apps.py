from almoner.kernel.service_points import EventKind, ServicePointConfig


class CheckinConfig(ServicePointConfig):
    """Reception (section 1.1). Its fees come from the hospital's department blocks."""

    name = "almoner.service_points.checkin"
    label = "checkin"
    title = "Check-in"
    url_prefix = "check-in"
    event_kinds = (EventKind("patient.checked_in", "Patient checked in", "7.1 PatientCheckedIn"),)
    api_router = "almoner.service_points.checkin.api.router"
