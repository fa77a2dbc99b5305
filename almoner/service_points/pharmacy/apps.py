from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import (
    DefaultChargeRule,
    EventKind,
    NavigationEntry,
    ServicePointConfig,
    Step,
)


class PharmacyConfig(ServicePointConfig):
    """The pharmacy (section 1.4): charged when prescribed, delivered when dispensed."""

    name = "almoner.service_points.pharmacy"
    label = "pharmacy"
    title = _("Pharmacy")
    url_prefix = "pharmacy"
    event_kinds = (
        EventKind("medication.prescribed", _("Medication prescribed")),
        EventKind(
            "medication.dispensed",
            _("Medication dispensed"),
            "7.1 MedicationDispensed",
            delivers="pharmacy.dispense",
        ),
    )
    steps = (Step("pharmacy.dispense", _("Dispensing"), _("Dispense"), needs_order=True),)
    charge_rules = (
        DefaultChargeRule(
            code="medication",
            event_kind="medication.prescribed",
            required_at=("pharmacy.dispense",),
            charge_type="quantity_based",
        ),
    )
    api_router = "almoner.service_points.pharmacy.api.router"
    unbilled_work = "almoner.service_points.pharmacy.unbilled.UNBILLED"
    navigation = (
        NavigationEntry(
            _("Pharmacy"), "pharmacy:work-list", icon="pill", key="m", permissions=("pharmacy.dispense",)
        ),
    )
