"""The command ``p2pd``: settings in, a running node, an exit code out.

Exit codes: 0 stopped as told, 1 could not start or go on, 2 a bad setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from common.open_files import raise_open_file_limit
from p2pd.config import Settings, settings_from_arguments

SWITCH_INTERVAL_S = 0.0005
"""How long one thread may keep the interpreter: libp2p's bursts must not hold gRPC up."""

WANTED_FILES = 8192
"""Connections of peers and callers, and the store's files, with much to spare."""

OWNER_ONLY_UMASK = 0o077
"""Whatever the node writes, SQLite's files too, is for its owner only."""


def main() -> None:
    """Run the command and end the process."""
    settings, check_only = settings_from_arguments(sys.argv[1:], os.environ)
    sys.exit(_check(settings) if check_only else _run(settings))


def _run(settings: Settings) -> int:
    # What gRPC's core writes to stderr by itself comes back as an error anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import trio  # late: --help and --check should not wait for libp2p

    from p2pd.node.composition import EXPECTED_ERRORS, run_node
    from p2pd.node.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)
    raise_open_file_limit(WANTED_FILES)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    os.umask(OWNER_ONLY_UMASK)
    exit_code = 0
    try:
        trio.run(run_node, settings, _print_ready)
    except* EXPECTED_ERRORS as group:
        for error in _leaves(group):
            print(f"p2pd: {error}", file=sys.stderr)
        exit_code = 1
    return exit_code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _check(settings: Settings) -> int:
    from p2pd.api.probe import probe_health

    problem = probe_health(settings.grpc_listen, settings.grpc_tls_cert, settings.grpc_tls_key)
    if problem:
        print(f"p2pd: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _print_ready(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
