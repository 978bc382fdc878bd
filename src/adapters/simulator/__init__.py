"""The provider simulator: real sockets, real wire formats, scripted and seeded faults."""

from __future__ import annotations

from hexgate.adapters.simulator.faults import OK, Fault, Plan
from hexgate.adapters.simulator.server import Disconnect, Received, Simulator

__all__ = ["OK", "Disconnect", "Fault", "Plan", "Received", "Simulator"]
