"""What stands on the shelves of the demo hospital's pharmacy: enough of most, and something to look after."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from almoner.kernel.clock import local_date
from almoner.service_points.pharmacy.models import StockItem
from almoner.service_points.pharmacy.operations import receive, set_minimum
from almoner.shell.simulation.world import World

# Medication, batch, days until it expires, quantity. Lisinopril has an expired batch, metformin one that expires
# soon, of insulin and salbutamol little is left.
DELIVERIES = (
    ("amoxicillin_500", "AMX-2207", 410, 600),
    ("amoxicillin_500", "AMX-2119", 150, 120),
    ("atorvastatin_20", "ATV-0931", 520, 900),
    ("lipitor_20", "LIP-118", 380, 60),
    ("adrenaline_1", "ADR-77", 240, 25),
    ("metformin_500", "MET-5502", 26, 90),
    ("metformin_500", "MET-5617", 600, 1200),
    ("lisinopril_10", "LIS-3104", -1, 30),
    ("lisinopril_10", "LIS-3288", 300, 400),
    ("insulin_glargine", "GLA-0457", 120, 6),
    ("salbutamol_inhaler", "SAL-90", 210, 2),
    ("morphine_10", "MOR-12", 330, 40),
)
MINIMUMS = {"insulin_glargine": 10, "salbutamol_inhaler": 8, "metformin_500": 200, "adrenaline_1": 20}
DELIVERED_DAYS_AGO = 2


def fill_shelves(world: World) -> None:
    """Receive the deliveries of two days ago, and say when something is low."""
    at = world.at - timedelta(days=DELIVERED_DAYS_AGO)
    today = local_date(world.at, world.hospital.time_zone)
    actor = world.staff["pharmacist"]
    for number, (service, batch, days, quantity) in enumerate(DELIVERIES):
        receive(
            world.id,
            store="pharmacy",
            service=service,
            batch_number=batch,
            expires_on=today + timedelta(days=days),
            quantity=Decimal(quantity),
            reference="Delivery note 40118",
            idempotency_key=f"{world.run}:delivery:{number}",
            actor=actor,
            at=at,
        )
    for item in StockItem.objects.select_related("service"):
        minimum = MINIMUMS.get(item.service.code)
        if minimum is not None:
            set_minimum(world.id, item.id, minimum=Decimal(minimum), actor=actor, at=at)
