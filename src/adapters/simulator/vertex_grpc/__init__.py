"""Vertex AI's gRPC API in front of the simulator, where its official client speaks nothing else."""

from __future__ import annotations

from hexgate.adapters.simulator.vertex_grpc.server import VertexGrpc

__all__ = ["VertexGrpc"]
