"""What the calls under /api share: parts of their addresses, and the form of answers.

Used by ``rest`` and by the modules that it mounts.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import Query
from starlette.responses import Response

from gateway.channel.events import Fields
from gateway.errors import NodeError, Refusal

PageSize = Annotated[int, Query(ge=0, le=1000)]
PageToken = Annotated[str, Query(max_length=1024)]


def json_answer(fields: Fields, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with fields as JSON."""
    return Response(orjson.dumps(fields), status, media_type="application/json")


def no_content() -> Response:
    """Answer that it is done, and nothing else."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def check_place(before: str | None, after: str | None) -> None:
    """Refuse a page that would lie before one cursor and after another."""
    if before is not None and after is not None:
        raise NodeError(
            Refusal("INVALID_ARGUMENT", "INVALID_CURSOR", "before and after exclude each other")
        )
