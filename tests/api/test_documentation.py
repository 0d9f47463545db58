"""The OpenAPI document: an example for everything, each true to its own schema, and every view with its scopes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from accounts.scopes import ALL, required_by

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield f"{method.upper()} {path}", methods[method]


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body of an operation: what it is, its media type and its description."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield status, media_type, content


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    # Of the types that one request may be sent as, one is enough.
    lacking = [
        f"{name}: {what} {media_type}"
        for name, operation in operations(document)
        for what, media_type, content in contents(operation)
        if not content.get("examples")
        and not (what == "request" and any(each.get("examples") for w, _, each in contents(operation) if w == what))
    ]
    assert lacking == []


def test_every_example_is_true_to_its_schema(document: dict[str, Any]) -> None:
    checked, wrong = 0, []
    for name, operation in operations(document):
        for what, media_type, content in contents(operation):
            schema = {**content["schema"], "components": document["components"]}
            validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
            for example in content.get("examples", {}).values():
                checked += 1
                wrong += [
                    f"{name}: {what} {media_type}: {'/'.join(map(str, error.path))} {error.message}"
                    for error in validator.iter_errors(example["value"])
                ]
    assert wrong == []
    assert checked > 100


def test_the_schema_of_a_diagnosis_promises_every_field(document: dict[str, Any]) -> None:
    """Guards the test above: a schema without required fields would let any example pass."""
    described = document["components"]["schemas"]["Diagnosis"]
    assert set(described["required"]) == set(described["properties"])


def test_every_operation_is_summed_up_and_has_one_known_tag(document: dict[str, Any]) -> None:
    known = {tag["name"] for tag in document["tags"]}
    unknown = [name for name, operation in operations(document) if not set(operation["tags"]) <= known]
    assert unknown == []
    assert [name for name, operation in operations(document) if not operation.get("summary")] == []


def test_scopes_are_told_with_every_operation_that_asks_for_a_token(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert all(scope in schemes["token"]["description"] for scope in ALL)
    told = {
        name: scopes
        for name, operation in operations(document)
        for requirement in operation.get("security", [])
        for scheme, scopes in requirement.items()
        if scheme == "token"
    }
    assert told["POST /api/v1/uploads/"] == ["uploads:write"]
    assert told["GET /api/v1/diagnoses/{id}/"] == ["diagnoses:read"]
    without = {name for name, scopes in told.items() if not scopes}
    assert without == {"DELETE /api/v1/token/"}
    assert all(set(scopes) <= set(ALL) for scopes in told.values())


def api_views() -> Iterator[tuple[str, Any]]:
    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            address = f"{prefix}{pattern.pattern}"
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, address)
            elif isinstance(pattern, URLPattern) and address.startswith("api/"):
                yield address, getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)

    return walk(get_resolver().url_patterns, "")


def test_every_view_of_the_api_declares_its_scopes_for_every_method() -> None:
    views = list(api_views())
    assert len(views) > 15
    undeclared = [
        f"{method.upper()} {address}"
        for address, view in views
        for method in METHODS
        if hasattr(view, method) and required_by(view, method.upper()) is None
    ]
    assert undeclared == []


def test_a_view_s_scopes_are_those_of_the_table() -> None:
    named = {
        scope
        for _, view in api_views()
        for method in METHODS
        if hasattr(view, method)
        for scope in required_by(view, method.upper()) or ()
    }
    assert named <= set(ALL)
    assert len(named) > 5
