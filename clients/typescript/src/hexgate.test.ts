/** The face against a real HTTP/2 server on the loopback. */

import assert from "node:assert/strict";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { CompletionFailureSchema, CompletionService } from "./gen/hexgate/v1/completion_service_pb.js";
import { createHexgate, explain, type Hexgate, type HexgateOptions, policyOf } from "./index.js";

interface Served {
  readonly address: string;
  /** The `authorization` header of every attempt. */
  readonly attempts: (string | null)[];
  /** What was left until the deadline of every attempt. */
  readonly timeoutsMs: (number | undefined)[];
  /** Closed before the server, which would otherwise end under them. */
  readonly clients: Hexgate[];
}

/** Answers each `complete` with the next error of the script, then with success. */
async function serve(t: TestContext, script: ConnectError[]): Promise<Served> {
  const attempts: (string | null)[] = [];
  const timeoutsMs: (number | undefined)[] = [];
  const clients: Hexgate[] = [];
  const routes = (router: ConnectRouter) =>
    router.service(CompletionService, {
      complete(_request, context) {
        attempts.push(context.requestHeader.get("authorization"));
        timeoutsMs.push(context.timeoutMs());
        const next = script.shift();
        if (next) {
          throw next;
        }
        return { responseId: "r-1" };
      },
    });
  const server = createServer(connectNodeAdapter({ routes }));
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    clients.forEach((client) => client.close());
    sessions.forEach((session) => session.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, attempts, timeoutsMs, clients };
}

function connect(served: Served, options: Omit<HexgateOptions, "address"> = {}) {
  const hexgate = createHexgate({ address: served.address, ...options });
  served.clients.push(hexgate);
  return hexgate.completions;
}

const unavailable = (pushback?: string) =>
  new ConnectError("down", Code.Unavailable, pushback === undefined ? {} : { "grpc-retry-pushback-ms": pushback });

test("explain reads every detail", async (t) => {
  const failed = new ConnectError("no", Code.InvalidArgument, undefined, [
    { desc: ErrorInfoSchema, value: { reason: "INVALID_REQUEST", domain: "hexgate", metadata: { k: "v" } } },
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
    {
      desc: BadRequestSchema,
      value: { fieldViolations: [{ field: "spec.model", description: "must be set", reason: "REQUIRED" }] },
    },
    { desc: CompletionFailureSchema, value: create(CompletionFailureSchema, { responseId: "r-1", lastSequence: 7n }) },
  ]);
  const served = await serve(t, [failed]);
  const found = await connect(served).complete({}).then(() => assert.fail("answered"), explain);
  assert.equal(found.code, Code.InvalidArgument);
  assert.equal(found.reason, "INVALID_REQUEST");
  assert.equal(found.message, "no");
  assert.deepEqual({ ...found.metadata }, { k: "v" });
  assert.equal(found.retryAfterMs, 1500);
  assert.deepEqual(found.violations, [{ field: "spec.model", description: "must be set", reason: "REQUIRED" }]);
  assert.equal(found.failure?.responseId, "r-1");
  assert.equal(found.failure?.lastSequence, 7n);
});

test("explain takes no reason from another domain, and gives every error a code", () => {
  const mesh = { desc: ErrorInfoSchema, value: { reason: "MESH_DOWN", domain: "mesh.example", metadata: { k: "v" } } };
  const found = explain(new ConnectError("down", Code.Unavailable, undefined, [mesh]));
  assert.equal(found.reason, "");
  assert.deepEqual(found.metadata, {});
  assert.equal(found.retryAfterMs, undefined);
  assert.equal(explain(new Error("odd")).code, Code.Unknown);
});

test("an unavailable gateway is asked again until it serves", async (t) => {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: 0n, nanos: 1_000_000 } } };
  const asked = new ConnectError("down", Code.Unavailable, undefined, [retry]);
  const served = await serve(t, [unavailable("1"), asked]);
  assert.equal((await connect(served).complete({})).responseId, "r-1");
  assert.equal(served.attempts.length, 3);
});

for (const [name, script, code, expected] of [
  ["there are no more than 3 attempts", [unavailable("1"), unavailable("1"), unavailable("1"), unavailable("1")], Code.Unavailable, 3],
  ["a negative pushback forbids another attempt", [unavailable("-1"), unavailable("1")], Code.Unavailable, 1],
  ["a pushback beyond the bound is left to the caller", [unavailable("3600000"), unavailable("1")], Code.Unavailable, 1],
  ["nothing but UNAVAILABLE is repeated", [new ConnectError("slow", Code.ResourceExhausted)], Code.ResourceExhausted, 1],
] as const) {
  test(name, async (t) => {
    const served = await serve(t, [...script]);
    const found = await connect(served).complete({}).then(() => assert.fail("answered"), explain);
    assert.equal(found.code, code);
    assert.equal(served.attempts.length, expected);
  });
}

test("a deadline ends the wait for the next attempt", async (t) => {
  const served = await serve(t, [unavailable("29000")]);
  const call = connect(served).complete({}, { timeoutMs: 300 });
  assert.equal((await call.then(() => assert.fail("answered"), explain)).code, Code.DeadlineExceeded);
  assert.equal(served.attempts.length, 1);
});

test("a token is refused in plaintext unless that is allowed", async (t) => {
  const served = await serve(t, []);
  assert.throws(() => createHexgate({ address: served.address, token: "secret" }), /plaintextToken/);
  await connect(served, { token: "secret", plaintextToken: true }).complete({});
  assert.deepEqual(served.attempts, ["Bearer secret"]);
});

test("a call without a deadline gets one", async (t) => {
  const served = await serve(t, []);
  await connect(served).complete({});
  const [timeoutMs = 0] = served.timeoutsMs;
  assert.ok(timeoutMs > 500_000 && timeoutMs <= 600_000, `found ${timeoutMs}`);
});

test("a method's own policy wins over that of its service", () => {
  assert.equal(policyOf("hexgate.v1.UsageService", "ListBudgets").timeoutMs, 10_000);
  assert.equal(policyOf("hexgate.v1.UsageService", "ExportUsage").timeoutMs, 600_000);
  assert.equal(policyOf("hexgate.v1.PromptService", "GetPrompt").maxAttempts, 4);
  assert.equal(policyOf("hexgate.v1.PromptService", "SetPromptLabel").maxAttempts, 1);
  assert.equal(policyOf("other.v1.Service", "Call").timeoutMs, undefined);
});
