from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import EventKind, NavigationEntry, ServicePointConfig, Step
from almoner.messaging.kinds import MessageKind


class WardConfig(ServicePointConfig):
    """The ward (section 1.5): admission is always taken, the bed waits for payment or an arrangement."""

    name = "almoner.service_points.ward"
    label = "ward"
    title = _("Ward")
    url_prefix = "ward"
    event_kinds = (
        EventKind("ward.admitted", _("Admitted to a ward"), "7.1 WardAdmission"),
        EventKind("bed.assigned", _("Bed assigned"), "7.1 BedAssigned", delivers="bed.assign"),
        EventKind("patient.transferred", _("Moved to another bed")),
    )
    steps = (
        Step("bed.assign", _("Bed assignment"), _("Assign bed"), needs_order=True),
        Step("ward.discharge", _("Discharge"), _("Discharge"), settles_encounter=True),
    )
    api_router = "almoner.service_points.ward.api.router"
    unbilled_work = "almoner.service_points.ward.unbilled.UNBILLED"
    message_kinds = (
        MessageKind(
            "deposit.running_low",
            _("A deposit runs low"),
            "almoner.service_points.ward.reminders.find_low_deposits",
        ),
    )
    navigation = (
        NavigationEntry(_("Ward"), "ward:board", icon="bed", key="w", permissions=("ward.assign_bed",)),
    )
