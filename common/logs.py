"""How log lines look, alike in both services; configured once, by each ``__main__``.

Lines go to standard error, one an event; standard output is for the ready line.
With the format ``json`` standard error holds JSON and nothing else: what
libraries log and warn of, and what nobody caught, is an event as well.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

TEXT, JSON = "text", "json"
QUOTED_CHARACTERS = frozenset(" \t=\r\n\"'")


def configure_logs(level: str, log_format: str) -> None:
    """Send structlog lines to standard error, standard logging's from WARNING up too.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``text`` or ``json``.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = _renderer(log_format)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(threshold)
    _route_uncaught()


def report_failure(program: str, message: str, log_format: str) -> None:
    """Print why a program ends: one line for people, or one event."""
    if log_format == JSON:
        configure_logs("error", JSON)
        structlog.get_logger(program).error("cannot go on", reason=message)
    else:
        _StandardError().write(f"{program}: {message}\n")


def wanted_format(prefix: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Guess the format of logs before the settings are known to be good."""
    given = environment.get(f"{prefix}LOG_FORMAT", "")
    for argument, following in itertools.pairwise([*arguments, ""]):
        if argument == "--log-format":
            given = following
        elif argument.startswith("--log-format="):
            given = argument.partition("=")[2]
    return JSON if given.strip().lower() == JSON else TEXT


def _renderer(log_format: str) -> list[Processor]:
    if log_format == JSON:
        return [structlog.processors.JSONRenderer()]
    return [_on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _on_one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape what a terminal acts on: values may come from peers.

    What holds space or quotes is quoted, and so escaped, by the renderer itself.
    """
    for key, value in event.items():
        is_text = isinstance(value, str) and key != "exception"
        if is_text and not value.isprintable() and QUOTED_CHARACTERS.isdisjoint(value):
            event[key] = repr(value)
    return event


class _ToStructlog(logging.Handler):
    """Turns what libraries log into events."""

    def filter(self, record: logging.LogRecord) -> bool:
        # py-libp2p logs what every network does to the root logger; nothing of ours does.
        return record.name != "root"

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno,
            "library warned",
            library=record.name,
            detail=record.getMessage(),
            exc_info=record.exc_info,
        )


def _route_standard_logging(threshold: int) -> None:
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)


def _route_uncaught() -> None:
    log_line = structlog.get_logger(__name__)

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        log_line.critical("program failed", exc_info=(kind, error, trace))

    def report_thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None:
            report(failure.exc_type, failure.exc_value, failure.exc_traceback)

    def report_unraisable(failure: object) -> None:
        log_line.error("error could not be raised", error=repr(getattr(failure, "exc_value", None)))

    sys.excepthook = report
    threading.excepthook = report_thread
    sys.unraisablehook = report_unraisable


class _StandardError:
    """Standard error as it is now; a disk that takes no more log lines ends nothing."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
