"""The command ``gateway``: settings in, a running gateway, an exit code out.

Exit codes: 0 stopped when asked to, 1 could not start or go on, 2 a bad setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from common.errors import SettingsError
from common.garbage import freeze_loaded
from common.logs import configure_logs, report_failure, wanted_format
from common.settings import report_unknown
from common.stop_switch import StopSwitch, end_process
from gateway.config import Settings, command_from
from gateway.errors import ListenError, NodeError

EXIT_FAILED, EXIT_SETTINGS = 1, 2
WITHOUT_THREAD_POOL = "-event_engine_client,-event_engine_poller_for_python"
"""Has gRPC read and write where it polls. Its pool of threads for that would take the
interpreter's lock and a core in turns with the loop: 10 to 17 % of the time a message takes."""
STOP_DEADLINE_S = 4.2
"""From the signal to the end of the process; 5 s are promised."""


def main() -> None:
    """Run the command and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    log_format = wanted_format("GATEWAY_", arguments, os.environ)
    try:
        command = command_from(arguments, os.environ)
        if command.check:
            return _check(command.settings)
        configure_logs(command.settings.log_level, command.settings.log_format)
        report_unknown(command.unknown)
        end_process(_serve(command.settings, StopSwitch(STOP_DEADLINE_S)))
    except SettingsError as error:
        report_failure("gateway", str(error), log_format)
        return EXIT_SETTINGS
    except (ListenError, NodeError) as error:
        report_failure("gateway", str(error), log_format)
        return EXIT_FAILED


def _check(settings: Settings) -> int:
    from gateway.check import problem_of

    problem = problem_of(settings.listen)
    if problem:
        report_failure("gateway", problem, settings.log_format)
    return EXIT_FAILED if problem else 0


def _serve(settings: Settings, switch: StopSwitch) -> int:
    # What gRPC's core writes to stderr by itself comes back as an error anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_EXPERIMENTS", WITHOUT_THREAD_POOL)
    import uvloop

    from common.grpc_loop import GrpcLoop
    from gateway.app import run as run_gateway

    freeze_loaded()
    uvloop.run(run_gateway(settings, switch.subscribe), loop_factory=GrpcLoop)
    return 0


if __name__ == "__main__":
    main()
