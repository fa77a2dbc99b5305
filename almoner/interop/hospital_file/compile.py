"""A validated file into the state of a hospital, with everything that only shows when it is put together."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from almoner.enforcement.policy import read_settings
from almoner.enforcement.sense import find_senseless
from almoner.interop.hospital_file import derive, structure
from almoner.interop.hospital_file.compilation import Compilation
from almoner.interop.hospital_file.definitions import Definitions
from almoner.interop.hospital_file.explain import validate
from almoner.interop.hospital_file.laboratory import compile_laboratory
from almoner.interop.hospital_file.messaging import compile_messaging
from almoner.interop.hospital_file.problems import Path, unknown_key
from almoner.interop.hospital_file.reading import Document
from almoner.interop.hospital_file.state import BEGINNING, PriceKey, Record, State
from almoner.kernel import service_points
from almoner.kernel.errors import DomainError

_WARD_TYPES = ("one_time", "daily", "hourly")
_RULE_TYPES = (*_WARD_TYPES, "quantity_based")


def compile_document(document: Document) -> State:
    """The state that ``document`` describes. Only to be used when ``document.problems`` stays empty."""
    content = validate(document)
    if content is None:
        return State()
    return _Compiler(document, content).run()


class _Compiler(Compilation):
    """The sections, one method each; ``run`` goes through them in an order in which names are known."""

    def run(self) -> State:
        block = self.file.hospital
        step = (
            1
            if block.rounding_step is None
            else self.amount(block.rounding_step, "hospital", "rounding_step")
        )
        if step < 1:
            self.document.refuse(("hospital", "rounding_step"), "Expected an amount above zero.")
        above = block.refund_approval_above
        self.state["hospital"][""] = {
            "slug": block.slug,
            "name": block.name,
            "currency": block.currency,
            "time_zone": block.time_zone,
            "locale": block.locale,
            "second_factor": block.second_factor,
            "rounding_step_minor": step,
            "refund_approval_above_minor": None
            if above is None
            else self.amount(above, "hospital", "refund_approval_above"),
            "billing_cycle": self.file.system_configuration.billing_cycle,
        }
        self.taxes_and_names()
        for code, department in self.file.departments.items():
            self.department(code, department)
        self.wards()
        self.packages()
        self.defined_services()
        self.services()
        self.service_rules()
        self.tariffs()
        self.discounts()
        self.charge_rules()
        Definitions(self).compile()
        self.hospital_policy()
        compile_laboratory(self)
        compile_messaging(self)
        self.wide_policies()
        self.sense()
        self.prices()
        return self.state

    def taxes_and_names(self) -> None:
        for code, tax in self.file.taxes.items():
            record = {"name": tax.name, "percent": tax.percent, "inclusive": tax.inclusive}
            self.add("taxes", code, record, ("taxes", code))
        for code, payer in self.file.payers.items():
            self.add("payers", code, {"name": payer.name}, ("payers", code))
        for code, cash_point in self.file.cash_points.items():
            self.add("cash_points", code, {"name": cash_point.name}, ("cash_points", code))

    def department(self, code: str, block: structure.Department) -> None:
        path = ("departments", code)
        name = block.name or derive.title(code)
        kind = block.kind or ("emergency" if code == "emergency" else "general")
        self.add("departments", code, {"name": name, "kind": kind}, path)
        for key, value in (block.model_extra or {}).items():
            if not structure.is_fee(key):
                known = [*structure.DEPARTMENT_KEYS, "..._fee", "..._surcharge"]
                self.document.refuse((*path, key), unknown_key(key, known), key=True)
            elif not isinstance(value, str):
                self.document.refuse((*path, key), "Expected an amount such as 75 or $75.00.")
            else:
                self.fee(code, name, key, self.amount(value, *path, key))
        settings = {key: getattr(block, key) for key in structure.DEPARTMENT_POLICY_KEYS}
        self.policy("department", code, self.settings(settings, path), path)

    def fee(self, department: str, name: str, fee: str, price_minor: int) -> None:
        path = ("departments", department, fee)
        service = derive.fee_service_code(department, fee)
        self.add_service(service, derive.fee_service(department, name, fee), path)
        self.add(
            "charge_rules", derive.fee_rule_code(department, fee), derive.fee_rule(department, fee), path
        )
        self.line(PriceKey(service), price_minor, None, "standard", path)

    def wards(self) -> None:
        charged: dict[str, str] = {}
        for code, ward in self.file.wards.items():
            path = ("wards", code)
            department = self.names.check("department", ward.department, (*path, "department"))
            record = {
                "name": ward.name or derive.title(code),
                "ward_type": ward.ward_type,
                "department": department,
            }
            self.add("wards", code, record, path)
            for bed in ward.beds:
                self.add("beds", (code, bed), {}, (*path, "beds"))
            if ward.charges and charged.setdefault(ward.ward_type, code) != code:
                self.document.refuse(
                    (*path, "charges"),
                    f"Charges go by ward type, and ward {charged[ward.ward_type]!r} already has those of "
                    f"{ward.ward_type!r}: list them once, or give this ward a type of its own.",
                )
            for index, charge in enumerate(ward.charges):
                self.ward_charge(code, ward, charge, self.place((*path, "charges"), index))

    def ward_charge(self, code: str, ward: structure.Ward, charge: structure.WardCharge, path: Path) -> None:
        self.charged_type(charge.billing_type, _WARD_TYPES, (*path, "billing_type"))
        service = derive.ward_service_code(code, charge.code)
        self.add_service(service, derive.service_record(charge.name, "ward", ward.department), path)
        rule = derive.ward_rule(code, ward.ward_type, charge.code, charge.billing_type)
        self.add("charge_rules", derive.ward_rule_code(code, charge.code), rule, path)
        self.line(PriceKey(service), self.amount(charge.amount, *path, "amount"), None, "standard", path)

    def charged_type(self, billing_type: str, charged: tuple[str, ...], path: Path) -> None:
        if billing_type not in charged:
            self.document.refuse(
                path,
                f"Expected one of {', '.join(charged)} here; "
                f"charge_definitions can charge by the type {billing_type!r}.",
            )

    def packages(self) -> None:
        for code, package in self.file.packages.items():
            path = ("packages", code)
            record = {
                "name": package.name,
                "price_minor": self.amount(package.price, *path, "price"),
                "services": package.services,
                **self.period(package.starts_on, package.ends_on, path),
            }
            for index, service in enumerate(package.services):
                self.names.check("service", service, (*path, "services", index))
                if service == code:
                    self.document.refuse((*path, "services", index), "A package cannot contain itself.")
            if len(set(package.services)) != len(package.services):
                self.document.refuse((*path, "services"), "Expected every service once.")
            self.add("packages", code, record, path)
            self.add_service(code, derive.service_record(package.name, "other"), path)

    def services(self) -> None:
        for code, service in self.file.services.items():
            path = ("services", code)
            derived = self.state["services"].get(code)
            tax = self.names.check("tax", service.tax, (*path, "tax"))
            department = self.names.check("department", service.department, (*path, "department"))
            if service.price_from is not None and self.unsaid(service, "price", path):
                self.document.refuse((*path, "price_from"), "Expected a price with it.")
            if derived is None:
                self.own_service(code, service, department, tax, path)
            else:
                self.refine(derived, service, tax, path)
            if service.billing_rules is not None:
                self.billing_rules(code, service.billing_rules, (*path, "billing_rules"))

    def own_service(
        self, code: str, service: structure.Service, department: str, tax: str, path: Path
    ) -> None:
        for needed in ("name", "kind"):
            if self.unsaid(service, needed, path):
                self.document.refuse(
                    path, f"Expected the key {needed!r} here (needed: name, kind).", key=True
                )
        record = derive.service_record(
            service.name or "",
            service.kind or "other",
            department,
            tax=tax,
            flags=self.flags(service),
            substitutes=self.substitutes(code, service, path),
        )
        self.add_service(code, record, path)
        if service.price is not None:
            start = service.price_from or BEGINNING
            key = PriceKey(code, starts_on=start.isoformat())
            self.line(key, self.amount(service.price, *path, "price"), None, "standard", (*path, "price"))

    def refine(self, record: Record, service: structure.Service, tax: str, path: Path) -> None:
        origin = self.document.locate(self.places["services", path[1]], key=True)[0]  # type: ignore[index]
        for key in ("kind", "department", "price", "substitutes"):
            if getattr(service, key) is not None:
                self.document.refuse(
                    (*path, key),
                    f"This service comes from line {origin}, which says its {key}: expected only name, tax, "
                    "flags and billing_rules here.",
                    key=True,
                )
        record["name"] = service.name or record["name"]
        record["tax"] = tax
        record["flags"] = self.flags(service)

    def flags(self, service: structure.Service) -> tuple[str, ...]:
        return tuple(sorted(set(service.flags or ())))

    def substitutes(self, code: str, service: structure.Service, path: Path) -> tuple[str, ...]:
        """Other medications of the file, each once, in the order in which they are offered."""
        chosen = service.substitutes or ()
        if chosen and service.kind != "medication":
            self.document.refuse((*path, "substitutes"), "Only a medication has substitutes.", key=True)
        for index, other in enumerate(chosen):
            place = (*path, "substitutes", index)
            self.names.check("service", other, place)
            known = self.file.services.get(other)
            if other == code or (known is not None and known.kind != "medication"):
                self.document.refuse(place, "Expected another medication.")
        return tuple(dict.fromkeys(chosen))

    def defined_services(self) -> None:
        """A charge definition with a name makes the service that it charges."""
        for index, block in enumerate(self.file.charge_definitions):
            code = block.service or block.code
            made = self.places.get(("services", code))
            if block.name and (made is None or made[0] != "charge_definitions"):
                path = self.place(("charge_definitions",), index)
                self.add_service(code, derive.service_record(block.name, "ward"), path)

    def service_rules(self) -> None:
        for index, entry in enumerate(self.file.per_service_configuration):
            path = self.place(("per_service_configuration",), index)
            self.names.check("service", entry.service_id, (*path, "service_id"))
            self.billing_rules(entry.service_id, entry.billing_rules, (*path, "billing_rules"))

    def billing_rules(self, code: str, rules: structure.BillingRules, path: Path) -> None:
        settings = self.settings(dict(rules), path)
        record = self.state["services"].get(code)
        if record is not None:
            record["payment_timing"] = rules.payment_timing or ""
            record["charge_timing"] = rules.charge_timing or ""
        self.policy("service", code, settings, path)

    def tariffs(self) -> None:
        for index, entry in enumerate(self.file.tariffs):
            path = self.place(("tariffs",), index)
            period = self.period(entry.starts_on, entry.ends_on, path)
            key = PriceKey(
                service=self.names.check("service", entry.service, (*path, "service")),
                payer=self.names.check("payer", entry.payer, (*path, "payer")),
                patient_category=entry.patient_category or "",
                ward_type=self.names.check("ward_type", entry.ward_type, (*path, "ward_type")),
                department=self.names.check("department", entry.department, (*path, "department")),
                starts_on=period["starts_on"].isoformat(),
            )
            minor = self.amount(entry.price, *path, "price")
            conditions = ("payer", "patient_category", "ward_type", "department", "starts_on", "ends_on")
            if all(getattr(entry, name) is not None or self.unsaid(entry, name, path) for name in conditions):
                self.line(key, minor, entry.ends_on, entry.tariff, path)

    def discounts(self) -> None:
        for code, discount in self.file.discounts.items():
            path = ("discounts", code)
            if self.unsaid(discount, "percent", path) == self.unsaid(discount, "amount", path):
                self.document.refuse(path, "Expected either percent or amount.", key=True)
            amount = discount.amount
            record = {
                "name": discount.name,
                "percent": discount.percent,
                "amount_minor": None if amount is None else self.amount(amount, *path, "amount"),
                "payer": self.names.check("payer", discount.payer, (*path, "payer")),
                "patient_category": discount.patient_category or "",
                "department": self.names.check("department", discount.department, (*path, "department")),
                "service_kind": discount.service_kind or "",
                "service": self.names.check("service", discount.service, (*path, "service")),
                **self.period(discount.starts_on, discount.ends_on, path),
            }
            self.add("discounts", code, record, path)

    def charge_rules(self) -> None:
        for code, rule in self.file.charge_rules.items():
            path = ("charge_rules", code)
            self.charged_type(rule.charge_type, _RULE_TYPES, (*path, "charge_type"))
            if rule.charge_type == "quantity_based" and not rule.per_line:
                self.document.refuse(
                    (*path, "charge_type"), "Expected per_line: true with it: lines have quantities."
                )
            if not rule.per_line and self.unsaid(rule, "service", path):
                self.document.refuse(
                    path, "Expected a service, or per_line: true to charge each line.", key=True
                )
            if rule.line_flag is not None and not rule.per_line:
                self.document.refuse((*path, "line_flag"), "Expected per_line: true with it.")
            for index, step in enumerate(rule.required_at):
                self.names.check("step", step, (*path, "required_at", index))
            record = derive.rule_record(
                self.names.check("event_kind", rule.event_kind, (*path, "event_kind")),
                self.names.check("service", rule.service, (*path, "service")),
                department=self.names.check("department", rule.department, (*path, "department")),
                department_kind=rule.department_kind or "",
                ward_type=self.names.check("ward_type", rule.ward_type, (*path, "ward_type")),
                per_line=rule.per_line,
                line_flag=rule.line_flag or "",
                once_per=rule.once_per or "",
                charge_type=rule.charge_type,
                planned=rule.charge_type == "daily" if rule.planned is None else rule.planned,
                delivered_on_capture=rule.delivered_on_capture,
                required_at=rule.required_at,
            )
            self.add("charge_rules", code, record, path)

    def settings(self, values: dict[str, Any], path: Path) -> Record:
        """The settings that a block says, in its own words; amounts in minor units."""
        said = {key: value for key, value in values.items() if value is not None}
        for key in structure.AMOUNT_SETTINGS:
            if key in said:
                said[f"{key}_minor"] = self.amount(said.pop(key), *path, key)
        return {key: _plain(value) for key, value in said.items()}

    def policy(self, scope: str, subject: str, settings: Record, path: Path) -> None:
        if not settings:
            return
        try:
            read_settings(scope, settings)
        except DomainError as error:
            key = error.field.removesuffix("_minor")
            blocks = [name for name, block in settings.items() if isinstance(block, dict) and key in block]
            self.document.refuse((*path, *blocks[-1:], key), error.message)
        self.add("policies", (scope, subject), settings, path)

    def wide_policies(self) -> None:
        """Module rules (section 3.2) and what holds for categories of patients."""
        modules = sorted(set(service_points.modules().values()))
        for code, block in self.file.module_rules.items():
            path = ("module_rules", code)
            if code not in modules:
                self.document.refuse(path, unknown_key(code, modules), key=True)
            self.policy("module", code, self.settings(dict(block), path), path)
        for code, block in self.file.patient_categories.items():
            path = ("patient_categories", code)
            self.policy("patient_category", code, self.settings(dict(block), path), path)

    def sense(self) -> None:
        """Settings that can each be read, and make no sense together."""
        if self.document.problems:
            return
        for found in find_senseless(self.state["policies"], self.state["services"]):
            path = self.places["policies", (found.scope, found.subject)]
            inner = (found.block,) if found.block else ()
            self.document.refuse((*path, *inner, found.key.removesuffix("_minor")), found.message)

    def hospital_policy(self) -> None:
        path = ("system_configuration",)
        system = self.file.system_configuration
        settings: Record = {}
        for name in ("payment_enforcement", "service_policies", "gate"):
            block = getattr(system, name)
            said = self.settings(dict(block), (*path, name)) if block is not None else {}
            if said:
                settings[name] = said
        for name in ("payment_enforcement_levels", "ward_billing_types"):
            block = getattr(self.file, name)
            said = (
                {key: list(words) for key, words in block if words is not None} if block is not None else {}
            )
            if said:
                settings[name] = said
        self.policy("hospital", "", settings, path)


def _plain(value: Any) -> Any:
    """A setting as it is stored: lists, and decimals in a string."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return list(value) if isinstance(value, tuple) else value
