from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import (
    DefaultChargeRule,
    EventKind,
    NavigationEntry,
    ServicePointConfig,
    Step,
)


class LaboratoryConfig(ServicePointConfig):
    """The laboratory (section 1.3): orders are always taken, processing and details wait for payment."""

    name = "almoner.service_points.laboratory"
    label = "laboratory"
    title = _("Laboratory")
    url_prefix = "laboratory"
    event_kinds = (
        EventKind("lab_test.ordered", _("Laboratory test ordered"), "7.1 LabTestOrdered"),
        EventKind(
            "lab_test.processed",
            _("Laboratory test processed"),
            "7.1 LabTestProcessed",
            delivers="laboratory.process",
        ),
    )
    steps = (
        Step(
            "laboratory.process",
            _("Laboratory processing"),
            _("Process samples"),
            needs_order=True,
            conceals_details=True,
        ),
    )
    charge_rules = (
        DefaultChargeRule(
            code="laboratory_test",
            event_kind="lab_test.ordered",
            required_at=("laboratory.process",),
        ),
    )
    api_router = "almoner.service_points.laboratory.api.router"
    unbilled_work = "almoner.service_points.laboratory.unbilled.UNBILLED"
    finder = "almoner.service_points.laboratory.queries.page_of_accession"
    navigation = (
        NavigationEntry(
            _("Laboratory"),
            "laboratory:work-list",
            icon="flask",
            key="l",
            permissions=("laboratory.process",),
        ),
    )
