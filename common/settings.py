"""Settings of a service: one declaration each, read from flags and environment.

A service derives a class from ``ServiceSettings`` and declares a field for each
setting with ``reads`` and ``setting``; ``--grpc-listen`` on the command line is
then ``P2PD_GRPC_LISTEN`` in the environment and ``grpc_listen`` in the program.
``read_command`` is called by the service's ``config`` only.

A flag wins over its variable; an empty value is the default in both.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, cast

import structlog
from pydantic import Field, PlainValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from common.errors import SettingsError
from common.readers import plain_text, quoted

METAVAR = "metavar"
SIMILARITY = 0.6
_LINKED = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)=.*|PORT=\w+://.*", re.DOTALL)
"""Variables that container engines set for a service of this name."""

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as users see it.

    Attributes:
        name: The attribute of the settings.
        default: As a user would write it; empty means none.
        prefix: Of the environment's names, such as ``P2PD_``.
    """

    name: str
    default: str
    metavar: str
    meaning: str
    prefix: str

    @property
    def flag(self) -> str:
        """The command line's name."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment's name."""
        return self.prefix + self.name.upper()


def reads(read: Callable[[str], object]) -> PlainValidator:
    """Annotate a setting with the function that reads its text."""
    return PlainValidator(lambda text: read(plain_text(text)))


def setting(default: str, meaning: str, metavar: str = "VALUE") -> Any:
    """Declare a setting: its default as a user would write it, and what it means."""
    return Field(
        default,
        validate_default=True,
        description=meaning,
        json_schema_extra={METAVAR: metavar},
    )


class ServiceSettings(BaseSettings):
    """The settings of one service; a subclass declares them.

    Attributes:
        program: The command's name; ``PROGRAM_`` starts its variables.
        version: What ``--version`` prints.
        summary: What ``--help`` says first.
        check_meaning: What ``--check`` does.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    program: ClassVar[str]
    version: ClassVar[str]
    summary: ClassVar[str]
    check_meaning: ClassVar[str]

    @classmethod
    def table(cls) -> tuple[Setting, ...]:
        """List the settings, in the order of ``--help``."""
        return tuple(_setting(cls, name, field) for name, field in cls.model_fields.items())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the texts that ``read_command`` found, flags first, and nothing else."""
        given = cast(InitSettingsSource, init_settings).init_kwargs
        return tuple(_Texts(settings_cls, given[source]) for source in ("flags", "variables"))


class _Texts(PydanticBaseSettingsSource):
    """Texts by the name of their setting, from one place."""

    def __init__(self, settings_cls: type[BaseSettings], texts: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._texts = texts

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the text of one setting."""
        return self._texts.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all texts."""
        return dict(self._texts)


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A variable with the service's prefix that is no setting.

    Attributes:
        nearest: The setting that was probably meant.
    """

    name: str
    nearest: str | None


S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Command(Generic[S]):
    """What the command line asks for.

    Attributes:
        check: Ask a running service for its health instead of running one.
        unknown: Variables that are probably misspelt.
    """

    settings: S
    check: bool
    unknown: tuple[UnknownVariable, ...]


def read_command(
    settings_class: type[S], arguments: Sequence[str], environment: Mapping[str, str]
) -> Command[S]:
    """Read the command line and the environment.

    Raises:
        SettingsError: A value breaks its rules; the message is one line.
        SystemExit: ``--help`` or ``--version`` was asked for.
    """
    table = settings_class.table()
    given = _parse(settings_class, table, arguments)
    flags = {one.name: given[one.name] for one in table if given[one.name] is not None}
    flags |= {one.name: one.default for one in table if flags.get(one.name, "…").strip() == ""}
    variables = {
        one.name: text for one in table if (text := environment.get(one.variable, "")).strip()
    }
    try:
        settings = cast(Any, settings_class)(flags=flags, variables=variables)
    except ValidationError as error:
        raise SettingsError(_sentence(error, table, flags)) from None
    return Command(settings, given["check"], tuple(_unknown(table, environment)))


def report_unknown(unknown: Sequence[UnknownVariable]) -> None:
    """Log a warning for each variable that is probably misspelt."""
    for one in unknown:
        log_line.warning("unknown setting is ignored", variable=one.name, did_you_mean=one.nearest)


def _setting(cls: type[ServiceSettings], name: str, field: FieldInfo) -> Setting:
    extra = cast(dict[str, str], field.json_schema_extra)
    prefix = f"{cls.program.upper()}_"
    return Setting(name, field.default, extra[METAVAR], field.description or "", prefix)


def _sentence(error: ValidationError, table: Sequence[Setting], flags: Mapping[str, str]) -> str:
    """Say what is wrong with the first bad setting, under the name it was given by."""
    first = error.errors(include_url=False)[0]
    reason = str(first.get("ctx", {}).get("error", first["msg"]))
    if not first["loc"]:
        return reason
    one = next(one for one in table if one.name == first["loc"][0])
    return f"{one.flag if one.name in flags else one.variable}: {reason}"


def _unknown(table: Sequence[Setting], environment: Mapping[str, str]) -> Sequence[UnknownVariable]:
    known = [one.variable for one in table]
    prefix = table[0].prefix
    return [
        UnknownVariable(name, _nearest(name.upper(), known, prefix))
        for name, text in sorted(environment.items())
        if name.upper().startswith(prefix)
        and name not in known
        and not _LINKED.fullmatch(f"{name.removeprefix(prefix)}={text}")
    ]


def _nearest(name: str, known: Sequence[str], prefix: str) -> str | None:
    """Return the known name that is most like a name, apart from the prefix of all."""
    bare = [one.removeprefix(prefix) for one in known]
    found = difflib.get_close_matches(name.removeprefix(prefix), bare, n=1, cutoff=SIMILARITY)
    return prefix + found[0] if found else None


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(message.removeprefix("argument "))


class _Once(argparse.Action):
    """Stores a value, and refuses a second one: the first would be lost without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise SettingsError(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


def _parse(
    cls: type[ServiceSettings], table: Sequence[Setting], arguments: Sequence[str]
) -> dict[str, Any]:
    known, unknown = _parser(cls, table).parse_known_args(arguments)
    if unknown:
        raise SettingsError(_unknown_argument(unknown[0], [one.flag for one in table]))
    return vars(known)


def _unknown_argument(argument: str, flags: Sequence[str]) -> str:
    name = argument.partition("=")[0]
    if not name.startswith("-"):
        return f"{quoted(argument)} is not expected: a value follows its flag"
    nearest = _nearest(name, flags, "--")
    return f"unknown flag {quoted(name)}" + (f"; did you mean {nearest}?" if nearest else "")


def _parser(cls: type[ServiceSettings], table: Sequence[Setting]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=cls.program,
        description=cls.summary,
        epilog=f"Every flag is an environment variable too: {table[0].flag} is "
        f"{table[0].variable}. A flag wins; an empty value is the default. "
        "In a list, space around a comma is no part of a value.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{cls.program} {cls.version}")
    parser.add_argument("--check", action="store_true", help=cls.check_meaning)
    for one in table:
        meaning = f"{one.meaning} (default: {one.default or 'none'})"
        parser.add_argument(
            one.flag,
            dest=one.name,
            metavar=one.metavar,
            action=_Once,
            help=meaning.replace("%", "%%"),
        )
    return parser
