"""``gateway`` and ``python -m gateway``: settings, logs, and the exit code."""

from __future__ import annotations

import logging
import os
import sys

from gateway.config import Settings, command_from
from gateway.errors import ListenError, NodeError, SettingsError

EXIT_FAILED = 1
EXIT_SETTINGS = 2


def main() -> None:
    """Run the program; never returns."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    try:
        command = command_from(arguments, os.environ)
        return _check(command.settings) if command.check else _serve(command.settings)
    except SettingsError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    except (ListenError, NodeError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return EXIT_FAILED


def _check(settings: Settings) -> int:
    from gateway.check import is_ready

    return 0 if is_ready(settings.listen) else EXIT_FAILED


def _serve(settings: Settings) -> int:
    import uvloop

    from gateway.app import run as run_gateway

    _set_up_logs(settings.log_level)
    uvloop.run(run_gateway(settings))
    return 0


def _set_up_logs(level: str) -> None:
    """Write structured lines to stderr: for people on a terminal, else JSON."""
    import structlog

    threshold = getattr(logging, level.upper())
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr)
    for_people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if for_people else [structlog.processors.dict_tracebacks]),
            structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    main()
