"""/api/v1: the rooms' and service points' endpoints under one roof, and the OpenAPI document of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from almoner.administration.policies.api import router as policies_router
from almoner.charging.api import router as charging_router
from almoner.enforcement.api import router as enforcement_router
from almoner.enforcement.plan_offer_api import router as plan_offer_router
from almoner.estimates.api import router as estimates_router
from almoner.hospitals.api import router as hospitals_router
from almoner.hospitals.callers import ApiKeyAuth
from almoner.kernel.errors import DomainError
from almoner.kernel.service_points import installed
from almoner.kernel.wire import PROBLEM_TYPE, Problem
from almoner.messaging.api import router as messaging_router
from almoner.orders.api import router as orders_router
from almoner.patients.api import router as patients_router
from almoner.patients.diagnoses_api import router as diagnoses_router
from almoner.payments.api import router as payments_router
from almoner.payments.cash_api import router as cash_router
from almoner.payments.plan_api import router as plan_router
from almoner.payments.plan_change_api import router as plan_change_router
from almoner.payments.refund_api import router as refund_router
from almoner.scheduling.api import router as scheduling_router
from almoner.shell.problems import install_problems

PREFIX = "/api/v1"
DESCRIPTION = """
The same operations as the pages, for programs of a hospital.

* A key belongs to one hospital, and the hospital follows from the key. What belongs to another hospital is
  not found (404).
* Money is an integer count of minor units beside its currency; quantities are decimals in quotes; times are
  ISO 8601 with their zone.
* `Idempotency-Key` names a request that moves money: repeat it as often as you like.
* A step that its gate holds is an answer, not an error: `{"decision": {...}, "result": null}`.
* Refusals are `application/problem+json` with a stable `code`, and the `field` they are about.
* Lists go by `cursor`: pass `next` of one page to get the following one.
"""


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"


class _JsonParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        """The body's JSON; numbers keep their digits or are refused by the types they are read into."""
        if request.content_type != "application/json":
            raise UnsupportedMediaType(
                _("Send JSON: 'Content-Type: application/json'."), field="Content-Type"
            )
        return orjson.loads(request.body)


class _JsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


class AlmonerApi(NinjaAPI):
    """The API; its OpenAPI document says for every endpoint which scopes it needs and how it refuses."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def operations(self) -> dict[str, Operation]:
        """Every endpoint by its operation id."""
        return {
            self.get_openapi_operation_id(operation): operation
            for router in self._get_bound_routers()
            for view in router.path_operations.values()
            for operation in view.operations
        }

    def add_service_points(self) -> None:
        """Mount the router of every installed service point under its prefix."""
        for point in installed():
            if point.api_router:
                self.add_router(f"/{point.url_prefix}", import_string(point.api_router))

    def declare_parameters(self) -> None:
        """Tell every endpoint's key check which names its query string may hold."""
        for operation in self.operations().values():
            for check in _checks(operation):
                check.parameters = frozenset(_parameters(operation, "query"))


def _checks(operation: Operation) -> list[ApiKeyAuth]:
    return [check for check in operation.auth_callbacks if isinstance(check, ApiKeyAuth)]


def _parameters(operation: Operation, source: str) -> list[str]:
    return [
        name
        for model in operation.models
        if model.__ninja_param_source__ == source
        for name in model.__ninja_flatten_map__
    ]


def _build() -> AlmonerApi:
    api = AlmonerApi(
        title="Almoner",
        version="1",
        description=DESCRIPTION.strip(),
        urls_namespace="api",
        docs_url=None,
        openapi_url=None,
        parser=_JsonParser(),
        renderer=_JsonRenderer(),
    )
    install_problems(api)
    for router in (
        hospitals_router,
        patients_router,
        diagnoses_router,
        charging_router,
        payments_router,
        plan_router,
        plan_change_router,
        plan_offer_router,
        cash_router,
        refund_router,
        enforcement_router,
        orders_router,
        scheduling_router,
        messaging_router,
        estimates_router,
        policies_router,
    ):
        api.add_router("", router)
    api.add_service_points()
    api.declare_parameters()
    return api


api = _build()


def known_scopes() -> dict[str, list[str]]:
    """Every scope that an endpoint looks at, with the endpoints (operation ids) that do."""
    scopes: dict[str, list[str]] = {}
    for name, operation in api.operations().items():
        for check in _checks(operation):
            for scope in (*check.scopes, *check.more):
                scopes.setdefault(scope, []).append(name)
    return dict(sorted(scopes.items()))


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document, as ``openapi.json`` holds it."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=f"{PREFIX}/"))
    document["components"]["schemas"]["Problem"] = _problem_schema(document)
    operations = api.operations()
    for methods in document["paths"].values():
        for details in methods.values():
            _complete(details, operations[details["operationId"]])
    document["components"]["securitySchemes"] = {
        "ApiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": ApiKeyAuth.openapi_description,
        }
    }
    return orjson.loads(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))  # type: ignore[no-any-return]


def _problem_schema(document: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    document["components"]["schemas"] |= schema.pop("$defs", {})
    schema["required"] = ["type", "title", "status", "detail", "code"]
    return schema


def _listed(scopes: list[str]) -> str:
    return ", ".join(f"`{scope}`" for scope in scopes)


def _complete(details: dict[str, Any], operation: Operation) -> None:
    """Add what the framework leaves out: scopes, refusals, the header of a replay."""
    scopes = [scope for check in _checks(operation) for scope in check.scopes]
    more = [scope for check in _checks(operation) for scope in check.more]
    details["security"] = [{"ApiKey": scopes}]
    text = f"{details.get('description', '')}\n\nScopes: {_listed(scopes)}."
    details["description"] = f"{text} Tells more with: {_listed(more)}." if more else text
    keyed = "Idempotency-Key" in _parameters(operation, "header")
    has_body = "requestBody" in details
    for status, response in details["responses"].items():
        if keyed and int(status) < 300:
            response["headers"] = {
                "Idempotency-Replayed": {
                    "description": "`true` when this key had been used and nothing new was done.",
                    "schema": {"type": "string", "enum": ["true"]},
                }
            }
    refusals = {
        401: "The key is missing, unknown, expired or revoked.",
        403: "The key lacks a scope.",
        422: "A field or parameter is missing, unknown or impossible.",
    }
    if has_body or keyed:
        refusals |= {400: "No JSON, or no Idempotency-Key.", 409: "It cannot be done as things stand."}
    if has_body:
        refusals |= {413: "The request is too large.", 415: "The body is no JSON."}
    if has_body or _parameters(operation, "path") or "encounter_id" in _parameters(operation, "query"):
        refusals |= {404: "Something named is unknown at this hospital."}
    if operation.methods == ["POST"]:
        refusals |= {409: "It cannot be done as things stand."}
    refusals |= {503: "The database could not finish this now: repeat it."}
    for status, text in sorted(refusals.items()):
        details["responses"][status] = {
            "description": text,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }


def openapi_json(request: HttpRequest) -> HttpResponse:
    """``/api/v1/openapi.json``"""
    return HttpResponse(orjson.dumps(openapi_document()), content_type="application/json")


class _Docs(Swagger):
    def get_openapi_url(self, api: NinjaAPI, path_params: dict[str, Any]) -> str:
        return f"{PREFIX}/openapi.json"


def docs(request: HttpRequest) -> HttpResponse:
    """``/api/docs``: Swagger UI from our own static files; nothing inline, nothing from elsewhere."""
    return _Docs({"persistAuthorization": False}).render_page(request, api)
