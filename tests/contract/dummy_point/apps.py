from almoner.kernel.service_points import DefaultChargeRule, EventKind, ServicePointConfig, Step


class DummyPointConfig(ServicePointConfig):
    name = "tests.contract.dummy_point"
    label = "dummy_point"
    title = "Radiology"
    url_prefix = "radiology"
    event_kinds = (
        EventKind("scan.ordered", "Scan ordered"),
        EventKind("scan.taken", "Scan taken", delivers="radiology.scan"),
    )
    steps = (Step("radiology.scan", "Scan", "Take scan"),)
    charge_rules = (
        DefaultChargeRule(code="scan", event_kind="scan.ordered", required_at=("radiology.scan",)),
    )
