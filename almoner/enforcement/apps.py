from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from almoner.kernel.service_points import DefaultChargeRule, EventKind
from almoner.messaging.kinds import MessageKind

_REMINDERS = "almoner.enforcement.reminders.find_reminders"


class EnforcementConfig(AppConfig):
    name = "almoner.enforcement"
    label = "enforcement"
    plan_fee_rule = "almoner.enforcement.plan_offers.plan_fee_rule"
    part_rule = "almoner.enforcement.parts.part_rule"
    event_kinds = (EventKind("payment.missed", "Payment missed"),)
    charge_rules = (
        DefaultChargeRule(code="late_fee", event_kind="payment.missed", delivered_on_capture=True),
    )
    message_kinds = (
        MessageKind("balance.due_soon", _("A bill falls due"), _REMINDERS),
        MessageKind("balance.overdue", _("A bill is overdue"), _REMINDERS),
        MessageKind("instalment.due_soon", _("An instalment falls due"), _REMINDERS),
        MessageKind("instalment.missed", _("An instalment was missed"), _REMINDERS),
    )
