"""What is asked of each contender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hexgate.v1 import completion_service_pb2, content_pb2, generation_pb2

PROMPT = "word " * 400
ANSWER_BYTES = 1024
WORD_BYTES = 6  # of the mock's one word per chunk


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of call. `chunks` is how many the mock sends per call; 0 makes it a unary call."""

    name: str
    model: str
    concurrency: int
    chunks: int = 0

    @property
    def method(self) -> str:
        """Full name of the gRPC method."""
        short = "StreamComplete" if self.chunks else "Complete"
        return f"/hexgate.v1.CompletionService/{short}"

    @property
    def unit(self) -> Literal["call", "chunk"]:
        """What the cost is divided by."""
        return "chunk" if self.chunks else "call"

    @property
    def min_bytes(self) -> int:
        """A call that delivers less has lost some of the answer."""
        return self.chunks * WORD_BYTES if self.chunks else ANSWER_BYTES

    def request(self) -> bytes:
        """A serialized request of about 2 KB."""
        spec = generation_pb2.CompletionSpec(
            model=f"mock/{self.model}",
            messages=[
                content_pb2.Message(
                    role=content_pb2.ROLE_USER,
                    parts=[content_pb2.ContentPart(text=content_pb2.TextPart(text=PROMPT))],
                )
            ],
            params=generation_pb2.GenerationParams(max_output_tokens=256, temperature=0.7),
        )
        pb = completion_service_pb2
        if self.chunks:
            return pb.StreamCompleteRequest(spec=spec).SerializeToString()
        return pb.CompleteRequest(spec=spec).SerializeToString()


SCENARIOS = (
    Scenario("unary", "mock-unary", concurrency=32),
    Scenario("burst", "mock-n200-d0", concurrency=16, chunks=200),
    Scenario("paced", "mock-n100-d10", concurrency=32, chunks=100),
)
