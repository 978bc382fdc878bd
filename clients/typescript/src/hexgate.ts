/** A connection to a hexgate gateway. */

import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { SecureClientSessionOptions } from "node:http2";
import { CompletionService } from "./gen/hexgate/v1/completion_service_pb.js";
import { EmbeddingService } from "./gen/hexgate/v1/embedding_service_pb.js";
import { ModelService } from "./gen/hexgate/v1/model_service_pb.js";
import { PromptService } from "./gen/hexgate/v1/prompt_service_pb.js";
import { UsageService } from "./gen/hexgate/v1/usage_service_pb.js";
import { policyOf } from "./policy.js";
import { retryUnavailable } from "./retry.js";

/** How to reach a gateway. */
export interface HexgateOptions {
  /** `host:port` of the public port. */
  readonly address: string;
  /** Sent as `authorization: Bearer <token>` with every call. */
  readonly token?: string | undefined;
  /** `true` for the system's roots, or certificates of one's own. Off means plaintext. */
  readonly tls?: boolean | Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername">;
  /** Allows `token` without `tls`. It is refused otherwise. */
  readonly plaintextToken?: boolean;
}

/** The clients of every public service, over one connection. */
export interface Hexgate {
  readonly completions: Client<typeof CompletionService>;
  readonly embeddings: Client<typeof EmbeddingService>;
  readonly models: Client<typeof ModelService>;
  readonly prompts: Client<typeof PromptService>;
  readonly usage: Client<typeof UsageService>;
  /** For services that are not listed here. */
  readonly transport: Transport;
  /** Closes the connection and fails what still runs on it. */
  close(): void;
}

/** Bound of one received message: images come as bytes. */
const maxMessageBytes = 32 << 20;
/** Above the gateway's minimum of 10 s, below common idle cuts. */
const pingIntervalMs = 30_000;
const pingTimeoutMs = 10_000;

/** Makes a connection; it connects with the first call. Throws TypeError for a token in plaintext. */
export function createHexgate(options: HexgateOptions): Hexgate {
  const { address, token, tls = false, plaintextToken = false } = options;
  if (token !== undefined && !tls && !plaintextToken) {
    throw new TypeError(
      "token: found one without tls, which would send it readable over the network; " +
        "set tls, or plaintextToken for a gateway on this machine",
    );
  }
  const baseUrl = `${tls ? "https" : "http"}://${address}`;
  const session = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs, pingTimeoutMs },
    typeof tls === "object" ? tls : undefined,
  );
  const transport = timed(
    createGrpcTransport({
      baseUrl,
      sessionManager: session,
      readMaxBytes: maxMessageBytes,
      interceptors: token === undefined ? [retryUnavailable] : [retryUnavailable, bearer(token)],
    }),
  );
  return {
    completions: createClient(CompletionService, transport),
    embeddings: createClient(EmbeddingService, transport),
    models: createClient(ModelService, transport),
    prompts: createClient(PromptService, transport),
    usage: createClient(UsageService, transport),
    transport,
    close: () => session.abort(),
  };
}

function bearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}

/** Gives calls without a deadline the one of the service config. */
function timed(inner: Transport): Transport {
  return {
    unary: (method, signal, timeoutMs, ...rest) =>
      inner.unary(method, signal, timeoutMs ?? policyOf(method.parent.typeName, method.name).timeoutMs, ...rest),
    stream: (method, signal, timeoutMs, ...rest) =>
      inner.stream(method, signal, timeoutMs ?? policyOf(method.parent.typeName, method.name).timeoutMs, ...rest),
  };
}
