"""The ports that the router lets in, of both IP versions. Held by ``reachability.service``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator

from p2pd.domain.reach import PortMapping
from p2pd.net.reachability.endpoints import Endpoint
from p2pd.net.reachability.mapping.mapper import (
    BEHIND_FIREWALL,
    Mapped,
    PortMapper,
    Surroundings,
)


class MappedPorts:
    """One mapper for each IP version; see ``PortMapper``."""

    def __init__(
        self,
        listeners: Callable[[], Iterable[Endpoint]],
        on_change: Callable[[], None],
        clock_ns: Callable[[], int],
    ) -> None:
        self._mappers = [
            PortMapper(listeners, on_change, clock_ns, surroundings)
            for surroundings in (Surroundings(), BEHIND_FIREWALL)
        ]

    @property
    def tasks(self) -> list[Callable[[], Awaitable[None]]]:
        """What holds the mappings until it is cancelled."""
        return [mapper.run for mapper in self._mappers]

    @property
    def facts(self) -> tuple[PortMapping, ...]:
        """What the router lets in."""
        return tuple(each.fact for each in self)

    def externals(self) -> list[Endpoint]:
        """List where the router lets in, as far as the internet routes that at all."""
        return [each.external for each in self if each.external.is_global]

    def without_mapped(self, listeners: Iterable[Endpoint]) -> list[Endpoint]:
        """Leave out the listeners that the router lets in, at ports of its own."""
        mapped = [each.listener for each in self]
        ports = {(each.version, each.transport, each.port) for each in mapped}
        return [
            each for each in listeners if (each.version, each.transport, each.port) not in ports
        ]

    def addresses_changed(self) -> None:
        """Look for a router anew: this machine can be in another network now."""
        for mapper in self._mappers:
            mapper.addresses_changed()

    def __iter__(self) -> Iterator[Mapped]:
        return (each for mapper in self._mappers for each in mapper.mapped)
