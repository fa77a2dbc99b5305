from almoner.kernel.service_points import DefaultChargeRule, EventKind, ServicePointConfig, Step


class ConsultationConfig(ServicePointConfig):
    """The doctor's room (section 1.2), and any other service that somebody provides."""

    name = "almoner.service_points.consultation"
    label = "consultation"
    title = "Consultation"
    url_prefix = "consultation"
    event_kinds = (
        EventKind(
            "consultation.started",
            "Consultation started",
            "7.1 ConsultationStarted",
            delivers="consultation.start",
        ),
        EventKind("equipment.used", "Equipment used", delivers="equipment.use"),
        EventKind("service.provided", "Service provided", "7.1 ServiceProvided"),
    )
    steps = (
        Step("consultation.start", "Consultation", "Start consultation"),
        Step("equipment.use", "Equipment", "Use equipment"),
    )
    charge_rules = (
        DefaultChargeRule(
            code="service_provided",
            event_kind="service.provided",
            delivered_on_capture=True,
        ),
    )
    api_router = "almoner.service_points.consultation.api.router"
