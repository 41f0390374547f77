"""Short names for grpc's generic types, which are subscriptable for mypy only in part."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
"""One call, seen from its handler."""
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
"""How gRPC carries out one method."""
