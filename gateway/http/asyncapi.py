"""``/asyncapi.yaml``: the document of the frames of ``/ws``, as it lies in ``docs/``.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from gateway.http.page import PACKAGE_DIR

NAME = "asyncapi.yaml"


def asyncapi_route() -> Callable[[], Response]:
    """Build the function behind ``/asyncapi.yaml``; the file is read once."""
    packaged = PACKAGE_DIR / NAME
    path = packaged if packaged.is_file() else PACKAGE_DIR.parent / "docs" / NAME
    content = path.read_bytes()

    def asyncapi() -> Response:
        """Answer with the AsyncAPI document."""
        return Response(content, media_type="application/yaml")

    return asyncapi
