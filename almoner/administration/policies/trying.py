"""A change of policy tried on the past, for the page and the API alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from almoner.enforcement.policy import read_policies
from almoner.enforcement.preview import Preview, preview
from almoner.interop.hospital_file.operations import plan_policy
from almoner.interop.hospital_file.policies import Policy


def try_policy(hospital_id: UUID, policy: Policy, *, days: int, at: datetime) -> Preview:
    """What the gate would have answered in the ``days`` before ``at`` with ``policy`` in force; nothing is written.

    Raises as ``change_policy`` does.
    """
    plan = plan_policy(hospital_id, policy)
    rows = ((str(key[0]), str(key[1]), settings) for key, settings in plan.new["policies"].items())
    return preview(hospital_id, read_policies(plan.version, rows), since=at - timedelta(days=days), until=at)
