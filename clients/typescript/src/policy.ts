/** The service config that every hexgate client ships, read as connect-es needs it. */

import { readFileSync } from "node:fs";

/** How calls of one method behave when the caller says nothing. */
export interface Policy {
  /** Deadline of calls that set none. Undefined means none. */
  readonly timeoutMs: number | undefined;
  /** Attempts, the first included. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
}

interface MethodConfig {
  name: { service: string; method?: string }[];
  timeout: string;
  retryPolicy?: { maxAttempts: number; initialBackoff: string; maxBackoff: string; backoffMultiplier: number };
}

const none: Policy = { timeoutMs: undefined, maxAttempts: 1, initialBackoffMs: 0, maxBackoffMs: 0, multiplier: 1 };

let policies: Map<string, Policy> | undefined;

/** The policy of a method; its own entry wins over that of its service. */
export function policyOf(service: string, method: string): Policy {
  policies ??= load();
  return policies.get(`${service}/${method}`) ?? policies.get(`${service}/`) ?? none;
}

function load(): Map<string, Policy> {
  const text = readFileSync(new URL("../service_config.json", import.meta.url), "utf8");
  const config = JSON.parse(text) as { methodConfig: MethodConfig[] };
  return new Map(
    config.methodConfig.flatMap((entry) =>
      entry.name.map(({ service, method }) => [`${service}/${method ?? ""}`, policy(entry)] as const),
    ),
  );
}

function policy({ timeout, retryPolicy: retry }: MethodConfig): Policy {
  const timeoutMs = milliseconds(timeout);
  if (!retry) {
    return { ...none, timeoutMs };
  }
  return {
    timeoutMs,
    maxAttempts: retry.maxAttempts,
    initialBackoffMs: milliseconds(retry.initialBackoff),
    maxBackoffMs: milliseconds(retry.maxBackoff),
    multiplier: retry.backoffMultiplier,
  };
}

/** Durations in a service config are decimal seconds, such as `0.2s`. */
function milliseconds(duration: string): number {
  return Number.parseFloat(duration) * 1000;
}
