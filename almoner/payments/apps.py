from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import DefaultChargeRule, EventKind


class PaymentsConfig(AppConfig):
    name = "almoner.payments"
    label = "payments"
    event_kinds = (EventKind("payment_plan.agreed", _("Payment plan agreed")),)
    charge_rules = (
        DefaultChargeRule(code="plan_fee", event_kind="payment_plan.agreed", delivered_on_capture=True),
    )
