from django.apps import AppConfig

from almoner.kernel.service_points import DefaultChargeRule, EventKind


class EnforcementConfig(AppConfig):
    name = "almoner.enforcement"
    label = "enforcement"
    part_rule = "almoner.enforcement.parts.part_rule"
    event_kinds = (EventKind("payment.missed", "Payment missed"),)
    charge_rules = (
        DefaultChargeRule(code="late_fee", event_kind="payment.missed", delivered_on_capture=True),
    )
