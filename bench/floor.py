"""The least a Python gateway can cost: grpc.aio with an empty handler around one plain HTTP call.

Nothing is checked, decoded, recorded or limited here. What the gateway costs beyond it is its own.
"""

from __future__ import annotations

import argparse
import gc
from typing import Any

import aiohttp
import grpc
import uvloop
from grpc import aio
from yarl import URL

from hexgate.entrypoints.grpc.listen import options
from hexgate.v1 import accounting_pb2, completion_service_pb2, content_pb2

SERVICE = "hexgate.v1.CompletionService"
HEADERS = {"Authorization": "Bearer x", "Content-Type": "application/json"}
PROMPT = "word " * 400
ANSWER = " brook" * 170
WORD = " brook"

pb = completion_service_pb2


class Floor:
    """The two methods, over one pooled session that is set up as the gateway's is."""

    def __init__(self, session: aiohttp.ClientSession, url: URL) -> None:
        self._session = session
        self._url = url

    async def complete(
        self,
        request: pb.CompleteRequest,
        _: aio.ServicerContext[pb.CompleteRequest, pb.CompleteResponse],
    ) -> pb.CompleteResponse:
        """One HTTP call whose answer is read and thrown away; an answer that was known before."""
        body = payload(request.spec.model)
        async with self._session.post(self._url, data=body, headers=HEADERS) as response:
            await response.read()
        return answer()

    async def stream_complete(
        self,
        request: pb.StreamCompleteRequest,
        context: aio.ServicerContext[pb.StreamCompleteRequest, pb.StreamCompleteResponse],
    ) -> None:
        """One message per read, with as many words as the read held events."""
        body = payload(request.spec.model, b',"stream":true')
        sequence = 0
        async with self._session.post(self._url, data=body, headers=HEADERS) as response:
            read = response.content.readany
            while data := await read():
                sequence += 1
                text = pb.TextDelta(text=WORD * data.count(b"\n\n"))
                await context.write(pb.StreamCompleteResponse(sequence=sequence, text=text))


def payload(model: str, extra: bytes = b"") -> bytes:
    """What a provider is sent for the benchmark's request."""
    return b'{"model":"%s","messages":[{"role":"user","content":"%s"}],"max_tokens":256%s}' % (
        model.encode(),
        PROMPT.encode(),
        extra,
    )


def answer() -> pb.CompleteResponse:
    """An answer with the fields and the size of a real one."""
    return pb.CompleteResponse(
        response_id="01940000-0000-7000-8000-000000000000",
        message=content_pb2.Message(
            role=content_pb2.ROLE_ASSISTANT,
            parts=[content_pb2.ContentPart(text=content_pb2.TextPart(text=ANSWER))],
        ),
        finish_reason=pb.FINISH_REASON_STOP,
        usage=accounting_pb2.Usage(input_tokens=512, output_tokens=170),
        cost=accounting_pb2.Cost(currency_code="USD", total_nanos=1_000, price_version="floor"),
        route=accounting_pb2.Route(provider="mock", provider_model="mock-unary"),
    )


async def serve(provider: str, listen: str) -> None:
    """Serve until killed; prints the address when ready."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )
    floor = Floor(session, URL(f"{provider}/v1/chat/completions"))
    server = aio.server(options=options(max_request_bytes=16 << 20, longest_call_s=600))
    # grpc's own type of a handler is invariant in both messages, so a table has no other type.
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Complete": grpc.unary_unary_rpc_method_handler(
            floor.complete,
            pb.CompleteRequest.FromString,
            pb.CompleteResponse.SerializeToString,
        ),
        "StreamComplete": grpc.unary_stream_rpc_method_handler(
            floor.stream_complete,
            pb.StreamCompleteRequest.FromString,
            pb.StreamCompleteResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port(listen)
    await server.start()
    gc.collect()
    gc.freeze()
    print(f"floor ready: public 127.0.0.1:{port}", flush=True)
    try:
        await server.wait_for_termination()
    finally:
        await session.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", required=True, help="base URL of the mock provider")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address to listen on")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.provider, arguments.listen))


if __name__ == "__main__":
    main()
