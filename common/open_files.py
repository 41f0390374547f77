"""How many files, sockets included, the process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress


def raise_open_file_limit(wanted: int) -> int:
    """Raise the soft limit to ``wanted`` as far as the hard limit permits; never lower it.

    Returns:
        How many files may be open now; ``wanted`` where there is no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        # A sandbox may refuse what the hard limit permits.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else soft
