/**
 * Makes one call of each kind and exits 0 only when every step did what it should.
 *
 *     node dist/example.js 127.0.0.1:50051 [127.0.0.1:50052]
 *
 * The address may also come from HEXGATE_ADDRESS, a token from HEXGATE_TOKEN. With the address of the
 * admin port as well, it does what operators do too.
 */

import { Code, createClient } from "@connectrpc/connect";
import { createHexgate, explain, type Hexgate } from "./index.js";
import { AdminService, TargetState } from "./gen/hexgate/v1/admin_service_pb.js";
import { FinishReason } from "./gen/hexgate/v1/completion_service_pb.js";
import { type Message, Role } from "./gen/hexgate/v1/content_pb.js";
import { EmbedPurpose } from "./gen/hexgate/v1/embedding_service_pb.js";

type Completions = Hexgate["completions"];
type Embeddings = Hexgate["embeddings"];
type Usage = Hexgate["usage"];

const part = (text: string) => ({ kind: { case: "text" as const, value: { text } } });
const ask = (model: string, question: string) => ({
  model,
  messages: [{ role: Role.USER, parts: [part(question)] }],
});

function text(message: Message | undefined): string {
  return (message?.parts ?? []).map(({ kind }) => (kind.case === "text" ? kind.value.text : "")).join("");
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) {
    throw new Error(otherwise);
  }
}

async function unary(client: Completions): Promise<void> {
  const answer = await client.complete({ spec: ask("sim/sim-echo", "Hello, gateway!") });
  check(text(answer.message) !== "", "unary: the answer has no text");
  console.log(`unary: "${text(answer.message)}", ${answer.usage?.outputTokens} output tokens`);
}

async function stream(client: Completions): Promise<void> {
  let pieces = 0;
  let finished = false;
  for await (const { event } of client.streamComplete({ spec: ask("sim/sim-story", "Tell me a story.") })) {
    switch (event.case) {
      case "text":
        pieces++;
        break;
      case "finished":
        finished = true;
        break;
    }
  }
  check(pieces > 0 && finished, `stream: ${pieces} pieces of text, finished ${finished}`);
  console.log(`stream: ${pieces} pieces of text`);
}

async function tools(client: Completions): Promise<void> {
  const spec = {
    ...ask("sim/sim-tools", "What is the weather in Paris?"),
    tools: [
      {
        name: "get_weather",
        description: "Tells the weather of a city.",
        parametersSchemaJson: '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
      },
    ],
  };
  const asked = await client.complete({ spec });
  const calls = (asked.message?.parts ?? []).flatMap(({ kind }) => (kind.case === "toolCall" ? [kind.value] : []));
  check(calls.length > 0 && asked.finishReason === FinishReason.TOOL_CALLS, "tools: the model called none");
  for (const { name, argumentsJson } of calls) {
    console.log(`tools: the model calls ${name}(${argumentsJson})`);
  }
  const results = calls.map(({ callId }) => ({
    kind: { case: "toolResult" as const, value: { callId, parts: [part("18 degrees and sunny")] } },
  }));
  // The assistant's message goes back unchanged: providers check ids and reasoning signatures.
  const messages = [...spec.messages, asked.message!, { role: Role.TOOL, parts: results }];
  const answer = await client.complete({ spec: { ...spec, messages } });
  check(text(answer.message) !== "", "tools: the answer has no text");
  console.log(`tools: "${text(answer.message)}"`);
}

async function embed(client: Embeddings): Promise<void> {
  const inputs = ["a quiet harbour", "a busy gate"].map((said) => ({ parts: [part(said)] }));
  const answer = await client.embed({ model: "sim/sim-echo", inputs, purpose: EmbedPurpose.DOCUMENT });
  const lengths = answer.embeddings.map(({ values }) => values.length);
  check(lengths.length === inputs.length && lengths[0] !== 0, `embed: vectors of ${lengths} numbers`);
  console.log(`embed: ${lengths.length} vectors of ${lengths[0]} numbers`);
}

async function usage(client: Completions, reports: Usage): Promise<void> {
  const sessionId = "example-typescript";
  await client.complete({ spec: ask("sim/sim-echo", "Hello, ledger!"), options: { attribution: { sessionId } } });
  const { summaries } = await reports.summarizeUsage({ filter: { sessionId } });
  const cost = summaries[0]?.cost?.totalNanos ?? 0n;
  check(cost > 0n, "usage: the session cost nothing");
  console.log(`usage: the session cost ${cost} billionths of a dollar`);
}

async function errors(client: Completions): Promise<void> {
  const unknown = await problem(client.complete({ spec: ask("sim/no-such-model", "Hello") }));
  check(
    unknown?.code === Code.NotFound && unknown.reason === "MODEL_NOT_FOUND",
    `errors: expected MODEL_NOT_FOUND, found ${unknown?.reason}: ${unknown?.message}`,
  );
  console.log(`errors: ${unknown?.reason} for model ${unknown?.metadata["model"]}`);
  const limited = await problem(
    client.complete({ spec: ask("sim/fault-limited-seconds", "Hello"), options: { routing: { maxAttempts: 1 } } }),
  );
  check(
    limited?.reason === "PROVIDER_RATE_LIMITED" && limited.retryAfterMs !== undefined,
    `errors: expected PROVIDER_RATE_LIMITED with a retry time, found ${limited?.reason}: ${limited?.message}`,
  );
  console.log(`errors: ${limited?.reason}, retry after ${limited?.retryAfterMs} ms`);
}

const problem = (call: Promise<unknown>) => call.then(() => undefined, explain);

async function cancelled(client: Completions): Promise<void> {
  const controller = new AbortController();
  const read = async () => {
    const request = { spec: ask("sim/slow-100", "Tell me a story.") };
    for await (const { event } of client.streamComplete(request, { signal: controller.signal })) {
      if (event.case === "text") {
        controller.abort(); // the gateway closes the provider's connection; what was delivered is charged
      }
    }
  };
  const ended = await problem(read());
  check(ended?.code === Code.Canceled, `cancel: expected a cancelled stream, found ${ended?.message}`);
  console.log("cancel: the stream ended as cancelled");
}

/** On the admin port: takes a target out of rotation and back, and asks where a call would go. */
async function operate({ transport }: Hexgate): Promise<void> {
  const client = createClient(AdminService, transport);
  const target = "sim/spare";
  await client.setTargetState({ target, state: TargetState.DRAINING, ttl: { seconds: 60n }, reason: "an example" });
  const { targets } = await client.listTargets({});
  const spare = targets.find((one) => one.target === target);
  check(
    spare?.state === TargetState.DRAINING && spare.enableTime !== undefined,
    `admin: ${target} is not draining for a while`,
  );
  const { status } = await client.setTargetState({ target, state: TargetState.ENABLED });
  check(status?.state === TargetState.ENABLED, `admin: ${target} is not back`);
  const { candidates } = await client.explainRoute({ spec: ask("sim/sim-echo", "Hello, gateway!") });
  check(candidates.length > 0, "admin: a call would go nowhere");
  const { keys } = await client.listProviderKeys({});
  console.log(`admin: ${targets.length} targets, ${keys.length} keys, a call would go to ${candidates[0]?.target}`);
}

const connect = (address: string) =>
  createHexgate({
    address,
    token: process.env["HEXGATE_TOKEN"],
    plaintextToken: true, // the example talks to a gateway on the same machine
  });
const hexgate = connect(process.argv[2] ?? process.env["HEXGATE_ADDRESS"] ?? "127.0.0.1:50051");
const admin = process.argv[3] === undefined ? undefined : connect(process.argv[3]);
try {
  for (const step of [unary, stream, tools]) {
    await step(hexgate.completions);
  }
  await embed(hexgate.embeddings);
  await usage(hexgate.completions, hexgate.usage);
  for (const step of [errors, cancelled]) {
    await step(hexgate.completions);
  }
  if (admin !== undefined) {
    await operate(admin);
  }
} catch (error) {
  console.error("failed:", explain(error).reason, error);
  process.exitCode = 1;
} finally {
  hexgate.close();
  admin?.close();
}
