"""The OpenAPI document: what is in it beside what FastAPI finds in the routes.

Used by ``gateway.http.app`` and ``gateway.http.rest``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


class SentenceRoute(APIRoute):
    """A route whose summary is the first sentence of its function's docstring."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        summary, _, description = (inspect.getdoc(endpoint) or "").partition("\n\n")
        options["summary"] = " ".join(summary.split())
        options["description"] = description or None
        super().__init__(path, endpoint, **options)


def openapi_of(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Build the document, once.

    A field that breaks the rules is answered with 400 and our own form, so what
    FastAPI says of 422 is not true here.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=routes
        )
        document["externalDocs"] = {"description": "The frames of /ws", "url": "/asyncapi.yaml"}
        for methods in document["paths"].values():
            for call in methods.values():
                call["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema
