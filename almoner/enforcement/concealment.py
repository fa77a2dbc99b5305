"""Who may know what was ordered before it is released. The one place of that rule, for everything that shows charges.

A step that conceals details (laboratory processing) is fulfilled by people who must not learn what was
ordered before it is paid or released (section 1.3). Whoever may read which services are blocked may know the
names anyway: they take the money, or ordered it. Details that the hospital does not hide, and those of orders
that were delivered or may go ahead, are nobody's secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from almoner.enforcement.facts import StepFacts, Subject, read_many_facts
from almoner.enforcement.rules import decide
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import steps

PERMISSION_READ_BLOCKED = "enforcement.read_blocked_services"


def hides_details(read: StepFacts) -> bool:
    """Whether the hospital hides the details of unpaid orders: any of the order's policies says so.

    A switch apart from whether the step is held: a held order whose details are not hidden can be read.
    """
    facts = read.facts
    places = {(item.department, item.service) for item in facts.items} or {("", "")}
    return any(
        read.policies.resolve(
            department=department or facts.department,
            service=service,
            module=facts.module,
            category=facts.patient_category,
        ).hide_details
        for department, service in places
    )


def concealing_steps() -> frozenset[str]:
    """The steps whose charges must not tell what they are for while they are held."""
    return frozenset(name for name, step in steps().items() if step.conceals_details)


def concealed_orders(
    hospital_id: UUID, orders: Iterable[tuple[str, UUID, UUID]], *, actor: Actor, at: datetime
) -> set[UUID]:
    """Which of ``orders`` (step, encounter, order) ``actor`` must not see the details of; at most one statement.

    Orders of steps that conceal nothing are never among them.
    """
    if actor.may(PERMISSION_READ_BLOCKED):
        return set()
    hiding = concealing_steps()
    asked = [(step, Subject(encounter, order)) for step, encounter, order in orders if step in hiding]
    if not asked:
        return set()
    reads = read_many_facts(hospital_id, asked, at)
    return {
        subject.order_id
        for (_, subject), read in zip(asked, reads, strict=True)
        if subject.order_id is not None
        and read is not None
        and hides_details(read)
        and not decide(read.policies, read.facts, at).may_proceed
    }
