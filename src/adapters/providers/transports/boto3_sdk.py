"""The official boto3 SDK as a transport for Bedrock, in threads.

Boto3 finds the credentials, checks requests against its model of the service, writes and signs
them. They are sent over connections that can be cut, so that no thread outlives its caller, and
answers are passed on as they arrive, before boto3 reads them: its parser leaves out what it does
not know.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn, cast
from urllib.parse import parse_qsl, unquote

import boto3  # type: ignore[import-untyped] # ships no types
import msgspec
import urllib3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ParamValidationError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.failures import invalid, word
from hexgate.adapters.providers.transports.aws import bearer, meaning
from hexgate.adapters.providers.transports.line import ask, open_pools
from hexgate.adapters.providers.transports.threads import THREADS, ThreadTransport
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.errors import InvalidRequest

_JSON = "application/json"
_MODEL = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke)")
# What a path ends in, boto3's method for it and the operation of its model.
_STEPS = {
    "converse": ("converse", "Converse"),
    "converse-stream": ("converse_stream", "ConverseStream"),
    "invoke": ("invoke_model", "InvokeModel"),
}
_LISTING = "/foundation-models"
_FIELD = re.compile(r'parameter(?: in)? ([\w.\[\]]+)[:,](?: "([^"]+)")?')
_HERE = threading.local()  # `headers` and `connect_s` of the request that this thread sends


def build(account: Account, base_url: str) -> ThreadTransport:
    """Make the transport. The client is made in a thread, which reads the model for half a second.

    All bodies are bounded by `max_body_bytes`. The system's certificates are trusted, as without
    an SDK; AWS_CA_BUNDLE and proxies of the environment are not looked at.
    """
    clients = Clients(account, base_url)
    transport = ThreadTransport(
        clients.ask,
        clients.close,
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
    )
    transport.prepare(clients.runtime)
    return transport


class Taken(Exception):
    """An answer, taken away from boto3."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        super().__init__(response.status)
        self.response = response


class Clients:
    """Boto3's clients of one account, made when they are first needed. For threads."""

    def __init__(self, account: Account, base_url: str) -> None:
        self._account = account
        self._base_url = base_url.rstrip("/")
        self._pools = open_pools(THREADS)
        self._making = threading.Lock()
        self._made: dict[tuple[str, str], BaseClient] = {}

    def runtime(self) -> BaseClient:
        """The client for models."""
        return self._client("bedrock-runtime", self._base_url)

    def ask(self, request: WireRequest, connect_s: float) -> urllib3.BaseHTTPResponse:
        """Send by boto3. The answer's body is unread, whatever its status."""
        try:
            if request.method == "GET":
                client, method, wanted = self._listing(request)
            else:
                client, method, wanted = self._call(request)
            _HERE.headers, _HERE.connect_s = request.headers, connect_s
            getattr(client, method)(**wanted)
        except Taken as taken:
            return taken.response
        except ParamValidationError as refused:
            raise _invalid(self._account.name, refused) from None  # it shows the request
        except BotoCoreError as failure:
            raise meaning(failure, self._account) from failure
        raise AssertionError(f"{method} was not sent")

    def close(self) -> None:
        """Close the connections."""
        self._pools.clear()
        for client in self._made.values():
            client.close()

    def _call(self, request: WireRequest) -> tuple[BaseClient, str, dict[str, Any]]:
        found = _MODEL.fullmatch(request.path)
        if found is None:
            raise ValueError(f"boto3 has no operation for {request.path}")
        client = self.runtime()
        model, (method, operation) = unquote(found[1]), _STEPS[found[2]]
        if found[2] == "invoke":
            accept = request.headers.get("Accept", _JSON)
            body = msgspec.json.encode(request.payload)
            return (
                client,
                method,
                {
                    "modelId": model,
                    "body": body,
                    "contentType": _JSON,
                    "accept": accept,
                },
            )
        shape = client.meta.service_model.operation_model(operation).input_shape
        return client, method, {**native(request.payload, shape), "modelId": model}

    def _listing(self, request: WireRequest) -> tuple[BaseClient, str, dict[str, Any]]:
        where, _, query = request.path.partition("?")
        if not where.endswith(_LISTING):
            raise ValueError(f"boto3 has no operation for {request.path}")
        where = where.removesuffix(_LISTING)
        url = where if where.startswith("http") else self._base_url + where
        return self._client("bedrock", url), "list_foundation_models", dict(parse_qsl(query))

    def _client(self, service: str, url: str) -> BaseClient:
        with self._making:
            if (service, url) not in self._made:
                self._made[service, url] = self._make(service, url)
            return self._made[service, url]

    def _make(self, service: str, url: str) -> BaseClient:
        account, token = self._account, bearer(self._account)
        session = boto3.session.Session(
            profile_name=account.profile or None, region_name=account.region
        )
        client: BaseClient = session.client(
            service,
            endpoint_url=url,
            # With a token nothing is signed, and the chain of credentials is not asked.
            aws_access_key_id=account.access_key_id or ("unused" if token else None),
            aws_secret_access_key=account.secret_access_key or ("unused" if token else None),
            aws_session_token=account.session_token or None,
            config=Config(
                # Given here, a variable of the environment cannot change it.
                signature_version=UNSIGNED if token else "v4",
                retries={"total_max_attempts": 1, "mode": "standard"},
                proxies={},
            ),
        )

        def take(request: AWSPreparedRequest, **_: object) -> NoReturn:
            raise Taken(self._send(request, token))

        client.meta.events.register(f"before-send.{service}", take)
        return client

    def _send(self, request: AWSPreparedRequest, token: str) -> urllib3.BaseHTTPResponse:
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        signed = {name.lower() for name in headers}
        headers |= {
            name: value for name, value in _HERE.headers.items() if name.lower() not in signed
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return ask(
            self._pools,
            request.method,
            request.url,
            headers,
            cast("bytes | None", request.body),  # what it writes for these operations
            connect_s=_HERE.connect_s,
            provider=self._account.name,
        )


def native(value: Any, shape: Shape | None) -> Any:
    """JSON of the wire as boto3 wants it: what the shape says are bytes is base64 in the one only.

    What fits no shape is left as it is, for boto3 to refuse.
    """
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        known = {} if shape.is_document_type else shape.members
        return {
            name: native(each, known[name]) if name in known else each
            for name, each in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [native(each, shape.member) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {name: native(each, shape.value) for name, each in value.items()}
    if shape is not None and shape.type_name == "blob" and isinstance(value, str):
        with suppress(binascii.Error):
            return base64.b64decode(value, validate=True)
    return value


def _invalid(provider: str, refused: ParamValidationError) -> InvalidRequest:
    """Of boto3's report only where the fault is: the rest shows values."""
    found = _FIELD.search(str(refused.kwargs.get("report", "")))
    steps = [step for step in found.groups() if step and step != "input"] if found else []
    return invalid(provider, 0, code="ParamValidationError", field=word(".".join(steps)))
