"""One HTTP call as a program: prints status and body as JSON.

    python http_call.py METHOD URL [JSON]

Run by tests inside a network namespace; needs nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 20


def main() -> None:
    """Make the call; an HTTP error is an answer, no connection is exit code 1."""
    method, url, *body = sys.argv[1:]
    request = urllib.request.Request(
        url,
        method=method,
        data=body[0].encode() if body else None,
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            show(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        show(error.code, error.read())
    except OSError as error:
        sys.exit(f"{method} {url}: {error}")


def show(status: int, body: bytes) -> None:
    """Print the answer."""
    print(json.dumps({"status": status, "body": body.decode()}))


if __name__ == "__main__":
    main()
