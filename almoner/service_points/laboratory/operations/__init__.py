"""What the laboratory does (section 1.3, phase 2): processing, samples and results of released orders."""

from almoner.service_points.laboratory.operations.processing import process
from almoner.service_points.laboratory.operations.ranges import (
    check_usual,
    set_reference_range,
    write_range,
)
from almoner.service_points.laboratory.operations.results import (
    Reading,
    enter_result,
    enter_results,
    tell_critical,
    verify_results,
)
from almoner.service_points.laboratory.operations.samples import (
    collect_samples,
    receive_sample,
    reject_sample,
)
from almoner.service_points.laboratory.operations.shared import PERMISSION_PROCESS, PERMISSION_VERIFY

__all__ = [
    "PERMISSION_PROCESS",
    "PERMISSION_VERIFY",
    "Reading",
    "check_usual",
    "collect_samples",
    "enter_result",
    "enter_results",
    "process",
    "receive_sample",
    "reject_sample",
    "set_reference_range",
    "tell_critical",
    "verify_results",
    "write_range",
]
