"""The page: the files of ``web/``, as they are.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PACKAGE_DIR = Path(__file__).parents[1]

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/manifest+json", ".webmanifest")


def web_dir() -> Path:
    """Return the page's folder: inside the wheel, or beside it in a checkout."""
    packaged = PACKAGE_DIR / "web"
    return packaged if packaged.is_dir() else PACKAGE_DIR.parent / "web"


class Page(StaticFiles):
    """Static files that a browser keeps but asks about each time.

    Without a build step names do not change with contents, so the answer is a
    304 by ETag instead of a long life.
    """

    def has_file(self, path: str) -> bool:
        """Return whether a path is a file of the page."""
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            return False
        _, found = self.lookup_path(path.removeprefix("/") or "index.html")
        return found is not None and stat.S_ISREG(found.st_mode)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with a file, or with 304 where the browser has it."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["cache-control"] = "no-cache"
        return answer
