"""Runs a command whose ``P2PD_BOOTSTRAP`` is another node, asked of its gateway.

    python demo/bootstrapped.py http://127.0.0.1:8080 python -m p2pd

Used by ``Procfile.demo``: a peer id is made at the first start, so the second
node cannot know the first one's address before it runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request

DEADLINE_S = 120
PAUSE_S = 0.2


def main() -> None:
    """Wait for the gateway's node, then become the command."""
    url, *command = sys.argv[1:]
    os.environ["P2PD_BOOTSTRAP"] = ",".join(wait_addresses(f"{url}/api/node"))
    os.execvp(command[0], command)


def wait_addresses(url: str) -> list[str]:
    """Return the node's addresses once its gateway tells them."""
    deadline = time.monotonic() + DEADLINE_S
    # Whatever proxy is set: the node is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                return list(json.load(answer)["addresses"])
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"no node behind {url} after {DEADLINE_S} s: {error}")
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
