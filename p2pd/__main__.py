"""The command ``p2pd``: settings in, a running node, an exit code out.

Exit codes: 0 stopped when asked to, 1 could not start or go on, 2 a bad setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from common.errors import SettingsError
from common.garbage import freeze_loaded
from common.logs import configure_logs, report_failure, wanted_format
from common.open_files import raise_open_file_limit
from common.settings import report_unknown
from common.stop_switch import StopSwitch, end_process
from p2pd.config import Settings, command_from

EXIT_FAILED, EXIT_SETTINGS = 1, 2
SWITCH_INTERVAL_S = 0.0005
"""How long one thread may hold the interpreter: libp2p's bursts must not hold gRPC up."""
WANTED_FILES = 8192
"""Connections of peers and callers, and the store's files, with much to spare."""
STOP_DEADLINE_S = 4.2
"""From the signal to the end of the process; 5 s are promised."""
OWNER_ONLY_UMASK = 0o077
"""Whatever the node writes, SQLite's files too, is for its owner only."""


def main() -> None:
    """Run the command and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    log_format = wanted_format("P2PD_", arguments, os.environ)
    try:
        if arguments[:1] == ["backup"]:
            return _back_up(arguments[1:], log_format)
        command = command_from(arguments, os.environ)
        if command.check:
            return _check(command.settings)
        configure_logs(command.settings.log_level, command.settings.log_format)
        report_unknown(command.unknown)
        end_process(_run(command.settings, StopSwitch(STOP_DEADLINE_S)))
    except SettingsError as error:
        report_failure("p2pd", str(error), log_format)
        return EXIT_SETTINGS


def _run(settings: Settings, switch: StopSwitch) -> int:
    # What gRPC's core writes to stderr by itself comes back as an error anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import trio  # late: --help and --check should not wait for libp2p

    from p2pd.node.composition import EXPECTED_ERRORS, run_node

    raise_open_file_limit(WANTED_FILES)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    os.umask(OWNER_ONLY_UMASK)
    freeze_loaded()
    try:
        trio.run(run_node, settings, _print_ready, switch.subscribe)
    except (*EXPECTED_ERRORS, BaseExceptionGroup) as error:
        return _report(list(_leaves(error)), EXPECTED_ERRORS, settings.log_format)
    return 0


def _report(
    errors: Sequence[BaseException], expected: tuple[type[Exception], ...], log_format: str
) -> int:
    """Report why the node ended, in one line each; what nobody expects is raised."""
    unexpected = [error for error in errors if not isinstance(error, expected)]
    if unexpected:
        raise BaseExceptionGroup("the node failed", unexpected)
    for error in errors:
        report_failure("p2pd", str(error), log_format)
    is_setting = any(isinstance(error, SettingsError) for error in errors)
    return EXIT_SETTINGS if is_setting else EXIT_FAILED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _back_up(arguments: Sequence[str], log_format: str) -> int:
    from p2pd.node.backup_command import run_backup
    from p2pd.store.errors import BackupError

    try:
        run_backup(arguments, os.environ)
    except BackupError as error:
        report_failure("p2pd", str(error), log_format)
        return EXIT_FAILED
    return 0


def _check(settings: Settings) -> int:
    from p2pd.api.probe import probe_health

    problem = probe_health(settings.grpc_listen, settings.grpc_tls_cert, settings.grpc_tls_key)
    if problem:
        report_failure("p2pd", problem, settings.log_format)
    return EXIT_FAILED if problem else 0


def _print_ready(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
