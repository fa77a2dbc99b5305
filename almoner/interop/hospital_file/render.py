"""A hospital's state as a file that loads to the same state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from almoner.interop.hospital_file import derive, structure
from almoner.interop.hospital_file.definitions import draw_definition
from almoner.interop.hospital_file.laboratory import draw_laboratory
from almoner.interop.hospital_file.messaging import draw_messaging
from almoner.interop.hospital_file.state import BEGINNING, Key, PriceKey, Record, State
from almoner.kernel.money import Money
from almoner.orders.findings import plain

SCHEMA_COMMENT = "# yaml-language-server: $schema=hospital-file.schema.json\n"
_STANDARD = "standard"
_BLOCKS: dict[str, type[structure.Block]] = {
    "payment_enforcement": structure.GlobalEnforcement,
    "service_policies": structure.ServicePolicies,
    "gate": structure.GateSettings,
    "payment_enforcement_levels": structure.EnforcementLevels,
    "ward_billing_types": structure.WardBillingTypes,
}
_KEYS = {
    "department": structure.DEPARTMENT_KEYS,
    "service": structure.BILLING_KEYS,
    "module": structure.POLICY_KEYS,
    "patient_category": structure.POLICY_KEYS,
}


class _Number(str):
    """Written without quotes."""


class _Dumper(yaml.SafeDumper):
    """Numbers as they are, lists set in under their key, nothing aliased."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_number(dumper: _Dumper, value: _Number) -> yaml.Node:
    sort = "float" if "." in value else "int"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{sort}", str(value))


def _represent_text(dumper: _Dumper, value: str) -> yaml.Node:
    """Digits always in quotes: YAML's versions do not agree which of ``07`` and ``08`` is a number. Paragraphs as
    they are."""
    style = "'" if value.replace(".", "").replace("_", "").isdigit() else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(_Number, _represent_number)
_Dumper.add_representer(Decimal, lambda dumper, value: _represent_number(dumper, _Number(plain(value))))
_Dumper.add_representer(str, _represent_text)


def render(state: State) -> str:
    """The YAML text of ``state``. Amounts are written plainly, in the hospital's currency."""
    return SCHEMA_COMMENT + _dumped(_Renderer(state).document())


def render_charges(state: State, template: str = "") -> str:
    """The charge definitions and their templates alone; those of one template when it is named."""
    document = _Renderer(state).document()
    templates = document.get("ward_billing_templates", {})
    definitions = document.get("charge_definitions", [])
    if template:
        templates = {template: templates[template]}
        joined = {
            key[0] for key, record in state["charge_definitions"].items() if record["template"] == template
        }
        definitions = [block for block in definitions if block["code"] in joined]
    sections = {"ward_billing_templates": templates, "charge_definitions": definitions}
    return _dumped({name: block for name, block in sections.items() if block})


def _dumped(document: dict[str, Any]) -> str:
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, indent=2))


class _Renderer:
    def __init__(self, state: State) -> None:
        # In order of keys, whatever order the state was made in.
        state = State({name: dict(sorted(section.items())) for name, section in state.sections.items()})
        self.state = state
        self.prices = dict(state["prices"])
        self.rules = dict(state["charge_rules"])
        self.derived: dict[str, Record] = {}
        self.standing = {
            key.service: key
            for key, price in self.prices.items()
            if isinstance(key, PriceKey) and key.for_everybody and _stands(price)
        }

    def amount(self, minor: int) -> _Number:
        return _Number(Money(minor, self.state.currency).plain())

    def document(self) -> dict[str, Any]:
        hospital = dict(self.state.hospital)
        cycle = hospital.pop("billing_cycle")
        hospital["rounding_step"] = self.amount(hospital.pop("rounding_step_minor"))
        above = hospital.pop("refund_approval_above_minor")
        if above is not None:
            hospital["refund_approval_above"] = self.amount(above)
        departments = self.keyed("departments", self.department)
        wards = self.keyed("wards", self.ward)
        packages = self.keyed("packages", self.package)
        definitions = [
            self.definition(key, record) for key, record in self.state["charge_definitions"].items()
        ]
        services = self.services()
        sections: dict[str, Any] = {
            "hospital": hospital,
            "system_configuration": self.system_configuration(cycle),
            "module_rules": self.blocks("module"),
            "patient_categories": self.blocks("patient_category"),
            **self.described("payment_enforcement_levels"),
            **self.described("ward_billing_types"),
            "departments": departments,
            "wards": wards,
            "taxes": self.keyed("taxes", self.tax),
            "services": services,
            "payers": self.keyed("payers", lambda code, record: dict(record)),
            "tariffs": self.tariffs(),
            "discounts": self.keyed("discounts", self.discount),
            "packages": packages,
            "cash_points": self.keyed("cash_points", lambda code, record: dict(record)),
            "laboratory": draw_laboratory(self.state),
            "messaging": draw_messaging(self.state),
            "ward_billing_templates": self.keyed("ward_billing_templates", self.template),
            "charge_definitions": definitions,
            "charge_rules": {str(code): self.rule(record) for code, record in self.rules.items()},
        }
        return {name: block for name, block in sections.items() if block}

    def keyed(self, section: str, draw: Callable[[str, Record], Any]) -> dict[str, Any]:
        return {str(code): draw(str(code), record) for code, record in self.state[section].items()}

    def settings(self, scope: str, subject: str) -> Record:
        """A policy's settings in the file's words."""
        settings = dict(self.state["policies"].get((scope, subject), {}))
        settings = _in_order(settings, _KEYS[scope])
        return self.with_amounts(settings)

    def with_amounts(self, settings: Record) -> Record:
        """``settings`` with the amounts of the file instead of minor units."""
        shown = {name.removesuffix("_minor"): value for name, value in settings.items()}
        return shown | {name: self.amount(shown[name]) for name in structure.AMOUNT_SETTINGS if name in shown}

    def blocks(self, scope: str) -> Record:
        """The blocks of a scope that stands in a section of its own."""
        subjects = [str(key[1]) for key in self.state["policies"] if key[0] == scope]
        return {subject: self.settings(scope, subject) for subject in subjects}

    def described(self, name: str) -> Record:
        block = self.state["policies"].get(("hospital", ""), {}).get(name)
        return {name: _in_order(block, tuple(_BLOCKS[name].model_fields))} if block else {}

    def system_configuration(self, cycle: str) -> Record:
        settings = self.state["policies"].get(("hospital", ""), {})
        block: Record = {
            name: _in_order(settings[name], tuple(_BLOCKS[name].model_fields))
            for name in ("payment_enforcement", "service_policies", "gate")
            if settings.get(name)
        }
        if "gate" in block:
            block["gate"] = self.with_amounts(block["gate"])
        return block | {"billing_cycle": cycle}

    def take(self, service: Record, code: str, rule: Record, rule_code: str) -> _Number | None:
        """The price of a derived service, if all it stands for is there as derived; then it is accounted for."""
        key = PriceKey(code)
        price = self.prices.get(key)
        known = self.state["services"].get(code)
        if price is None or not _stands(price) or known is None:
            return None
        if self.rules.get(rule_code) != rule or any(
            known[name] != service[name] for name in ("kind", "department")
        ):
            return None
        del self.prices[key], self.rules[rule_code]
        self.derived[code] = service
        return self.amount(price["price_minor"])

    def department(self, code: str, record: Record) -> Record:
        block: Record = {"name": record["name"], "kind": record["kind"]}
        for rule_code, rule in list(self.rules.items()):
            fee = rule["fee"]
            if rule_code != derive.fee_rule_code(code, fee) or not structure.is_fee(fee):
                continue
            service = derive.fee_service(code, record["name"], fee)
            price = self.take(
                service, derive.fee_service_code(code, fee), derive.fee_rule(code, fee), str(rule_code)
            )
            if price is not None:
                block[fee] = price
        return block | self.settings("department", code)

    def ward(self, code: str, record: Record) -> Record:
        block = {"name": record["name"], "ward_type": record["ward_type"], "department": record["department"]}
        beds = [key[1] for key in self.state["beds"] if key[0] == code]
        charges = []
        for rule_code, rule in list(self.rules.items()):
            fee = rule["fee"]
            if not fee or rule_code != derive.ward_rule_code(code, fee):
                continue
            service_code = derive.ward_service_code(code, fee)
            name = self.state["services"].get(service_code, {}).get("name", "")
            service = derive.service_record(name, "ward", record["department"])
            expected = derive.ward_rule(code, record["ward_type"], fee, rule["charge_type"])
            price = self.take(service, service_code, expected, str(rule_code))
            if price is not None:
                charges.append(
                    {"code": fee, "name": name, "billing_type": rule["charge_type"], "amount": price}
                )
        return block | ({"beds": beds} if beds else {}) | ({"charges": charges} if charges else {})

    def package(self, code: str, record: Record) -> Record:
        known = self.state["services"].get(code)
        service = derive.service_record(record["name"], "other")
        if known is not None and not known["department"] and known["kind"] == "other":
            self.derived[code] = service
        return {
            "name": record["name"],
            "price": self.amount(record["price_minor"]),
            "services": list(record["services"]),
            **self.period(record),
        }

    def template(self, code: str, record: Record) -> Record:
        wards = {"ward_types": list(record["ward_types"])} if record["ward_types"] else {}
        return {"name": record["name"], **wards}

    def definition(self, key: Key, record: Record) -> Record:
        """The first version of a definition names the service that was made for it."""
        service = record["service"]
        known = self.state["services"].get(service)
        name = ""
        if known is not None and service not in self.derived:
            made = derive.service_record(known["name"], "ward")
            if known["kind"] == made["kind"] and not known["department"] and service not in self.standing:
                self.derived[service] = made
                name = known["name"]
        return draw_definition(key, record, name, self.amount, _percent)

    def services(self) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for key, record in self.state["services"].items():
            code = str(key)
            block = self.refined(code, record) if code in self.derived else self.own_service(code, record)
            rules = self.settings("service", code)
            if rules:
                block["billing_rules"] = rules
            if block:
                drawn[code] = block
        return drawn

    def refined(self, code: str, record: Record) -> Record:
        derived = self.derived[code]
        block: Record = {}
        if record["name"] != derived["name"]:
            block["name"] = record["name"]
        if record["tax"]:
            block["tax"] = record["tax"]
        if record["flags"]:
            block["flags"] = list(record["flags"])
        return block

    def own_service(self, code: str, record: Record) -> Record:
        block = {"name": record["name"], "kind": record["kind"]}
        for name in ("department", "tax"):
            if record[name]:
                block[name] = record[name]
        if record["flags"]:
            block["flags"] = list(record["flags"])
        if record["substitutes"]:
            block["substitutes"] = list(record["substitutes"])
        key = self.standing.get(code)
        if key is not None and key in self.prices:
            block["price"] = self.amount(self.prices.pop(key)["price_minor"])
            if key.starts_on != BEGINNING.isoformat():
                block["price_from"] = _day(key.starts_on)
        return block

    def tariffs(self) -> list[Record]:
        return [self.tariff_line(key, price) for key, price in self.prices.items()]

    def tariff_line(self, key: Key, price: Record) -> Record:
        conditions = PriceKey(*key)
        block: Record = {"service": conditions.service, "price": self.amount(price["price_minor"])}
        if price["tariff"] != _STANDARD:
            block["tariff"] = price["tariff"]
        for name in ("payer", "patient_category", "ward_type", "department"):
            if getattr(conditions, name):
                block[name] = getattr(conditions, name)
        return block | self.period({"starts_on": _day(conditions.starts_on), "ends_on": price["ends_on"]})

    def tax(self, code: str, record: Record) -> Record:
        return {**record, "percent": _percent(record["percent"])}

    def discount(self, code: str, record: Record) -> Record:
        block: Record = {"name": record["name"]}
        if record["percent"] is not None:
            block["percent"] = _percent(record["percent"])
        if record["amount_minor"] is not None:
            block["amount"] = self.amount(record["amount_minor"])
        for name in ("payer", "patient_category", "department", "service_kind", "service"):
            if record[name]:
                block[name] = record[name]
        return block | self.period(record)

    def rule(self, record: Record) -> Record:
        block: Record = {"event_kind": record["event_kind"]}
        for name in ("service", "department", "department_kind", "ward_type", "line_flag", "once_per"):
            if record[name]:
                block[name] = record[name]
        for name in ("per_line", "delivered_on_capture"):
            if record[name]:
                block[name] = True
        if record["charge_type"] != "one_time":
            block["charge_type"] = record["charge_type"]
        if record["planned"] != (record["charge_type"] == "daily"):
            block["planned"] = record["planned"]
        if record["required_at"]:
            block["required_at"] = list(record["required_at"])
        return block

    def period(self, record: Record) -> Record:
        block = {}
        if record["starts_on"] != BEGINNING:
            block["starts_on"] = record["starts_on"]
        if record["ends_on"] is not None:
            block["ends_on"] = record["ends_on"]
        return block


def _in_order(settings: Record, keys: tuple[str, ...]) -> Record:
    """``settings`` in the order in which the structure lists them: the database keeps none."""
    known = [name for key in keys for name in (key, f"{key}_minor") if name in settings]
    return {name: settings[name] for name in known}


def _stands(price: Record) -> bool:
    return price["ends_on"] is None and price["tariff"] == _STANDARD


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _percent(value: Any) -> _Number:
    return _Number(f"{value.normalize():f}")
