"""What a service point declares about itself; the core reads these declarations and knows no module.

A service point is one Django app whose ``AppConfig`` is a ``ServicePointConfig``. Adding one is adding
its folder and a line in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.apps import AppConfig, apps
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from almoner.kernel.actor import Actor

Operation = TypeVar("Operation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class EventKind:
    """Something that happens at a service point, in the past tense: ``lab_test.ordered``.

    ``delivers`` names the step whose charges the event fulfils: when it happens, what was charged for
    that step has been delivered.
    """

    name: str
    title: str | Promise
    specification: str = ""
    delivers: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A fulfilment that a gate may hold: ``consultation.start``. Never an order, never the chart.

    ``needs_order``: it fulfils one order. ``conceals_details``: a held answer must not say for what.
    ``settles_encounter``: it asks for everything the encounter still owes, emergencies included (an
    arrangement before discharge), instead of the charges that name the step.
    """

    name: str
    title: str | Promise
    action: str | Promise
    needs_order: bool = False
    conceals_details: bool = False
    settles_encounter: bool = False


@dataclass(frozen=True, slots=True)
class DefaultChargeRule:
    """A charge rule that every hospital has from the start; see ``charging.rules.ChargeRule``."""

    code: str
    event_kind: str
    required_at: tuple[str, ...] = ()
    per_line: bool = True
    planned: bool = False
    delivered_on_capture: bool = False
    charge_type: str = "one_time"
    service: str = ""


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A place to go in the pages' bar, for those who have any of ``permissions`` (everybody when empty).

    ``url_name`` is the page's name with its namespace (``checkin:arrivals``); ``key`` is pressed to go there.
    """

    title: Any
    url_name: str
    icon: str
    key: str = ""
    permissions: tuple[str, ...] = ()


class ServicePointConfig(AppConfig):
    """A plug-in: its event kinds, its gated steps, the charge rules it brings, where its pages live.

    A module ``urls`` in the app is mounted under ``url_prefix``, in the namespace of the app's label.
    ``unbilled_work`` names what finds and charges work that was done here without its charge
    (``charging.unbilled.UnbilledSource``). ``patient_links`` and ``encounter_links`` appear beside a patient and a
    visit; their page takes the id.
    ``finder`` names a function of what was typed or scanned into the search and of the actor, which gives the
    address of the one thing with that number, or nothing; it runs inside the hospital's transaction.
    """

    title: str | Promise = ""
    url_prefix: str = ""
    event_kinds: tuple[EventKind, ...] = ()
    steps: tuple[Step, ...] = ()
    charge_rules: tuple[DefaultChargeRule, ...] = ()
    api_router: str = ""
    unbilled_work: str = ""
    navigation: tuple[NavigationEntry, ...] = ()
    patient_links: tuple[NavigationEntry, ...] = ()
    encounter_links: tuple[NavigationEntry, ...] = ()
    finder: str = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Django looks for one ``AppConfig`` in ``apps.py`` and also finds this imported base class."""
        super().__init_subclass__(**keywords)
        cls.default = True


def installed() -> Iterator[ServicePointConfig]:
    """Every service point in ``INSTALLED_APPS``, in that order."""
    for config in apps.get_app_configs():
        if isinstance(config, ServicePointConfig):
            yield config


def _declaring() -> Iterator[Any]:
    """Every app that declares events and the charge rules for them."""
    return (config for config in apps.get_app_configs() if hasattr(config, "event_kinds"))


def finders() -> Iterator[Callable[[str, Actor], str]]:
    """What finds a thing of a service point by the number that it carries."""
    for point in installed():
        if point.finder:
            yield import_string(point.finder)


def event_kinds() -> dict[str, EventKind]:
    """Every event kind by name: those of the service points, and those that a room of the core declares."""
    return {kind.name: kind for config in _declaring() for kind in config.event_kinds}


def steps() -> dict[str, Step]:
    """Every gated step by name."""
    return {step.name: step for point in installed() for step in point.steps}


def default_charge_rules() -> list[DefaultChargeRule]:
    """The charge rules that the installed service points, and rooms of the core, bring."""
    return [rule for config in _declaring() for rule in config.charge_rules]


def modules() -> Mapping[str, str]:
    """The label of the service point that each gated step belongs to, by the step's name."""
    return _modules(tuple(apps.app_configs))


@cache
def _modules(labels: tuple[str, ...]) -> Mapping[str, str]:
    """``modules`` while just these apps are installed: a page asks for it once for every open charge."""
    return {step.name: point.label for point in installed() for step in point.steps}
