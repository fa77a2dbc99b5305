"""Which charges may be paid in parts (``allow_partial_payments``, ``partial_payment``): the rule that payments ask."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.enforcement.facts import known_policies, policies_at
from almoner.enforcement.policy import Policies
from almoner.hospitals.models import Hospital
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import modules
from almoner.payments.parts import LeftOpen


@dataclass(frozen=True, slots=True)
class Parts:
    """See ``almoner.payments.parts.PartRule``."""

    policies: Policies

    @property
    def version(self) -> int:
        return self.policies.version

    @property
    def refuses_parts(self) -> bool:
        return any(block.partial_payment is False for block in self.policies.blocks())

    def in_one_sum(self, charge: LeftOpen) -> bool:
        module_of = modules()
        settings = self.policies.resolve(
            department=charge.department,
            service=charge.service,
            module=next((module_of[step] for step in charge.required_at if step in module_of), ""),
            category=charge.patient_category,
        )
        return settings.partial_payment is False


def part_rule(hospital_id: UUID, *, fresh: bool) -> Parts:
    """The rule of the policies known to this process; ``fresh``: of those in force now. Raises ``NotFound``."""
    known = known_policies(hospital_id)
    if known is not None and not fresh:
        return Parts(known)
    hospital = Hospital.objects.filter(id=hospital_id).first()
    if hospital is None:
        raise NotFound(_("There is no such hospital."), field="hospital_id", code="unknown_hospital")
    return Parts(policies_at(hospital_id, hospital.configuration_version))
