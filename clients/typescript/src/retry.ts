/** Retries for connect-es, which does not read service configs. */

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { explain } from "./explain.js";
import { type Policy, policyOf } from "./policy.js";

/** The longest wait a server may ask for; a longer one is the caller's business. */
const longestWaitMs = 30_000;

/**
 * Repeats unary calls that ended in UNAVAILABLE, which the gateway answers only when it delivered
 * nothing. The server's pushback decides, then its RetryInfo, then the policy's backoff. Streams
 * pass untouched: their errors arrive after `next` returned.
 */
export const retryUnavailable: Interceptor = (next) => async (request) => {
  if (request.stream) {
    return next(request);
  }
  const policy = policyOf(request.service.typeName, request.method.name);
  for (let attempt = 1; ; attempt++) {
    try {
      return await next(request);
    } catch (error) {
      const failed = ConnectError.from(error);
      const waitMs = waitOf(failed, policy, attempt);
      if (failed.code !== Code.Unavailable || attempt >= policy.maxAttempts || waitMs === undefined) {
        throw failed;
      }
      await pause(waitMs, request.signal);
    }
  }
};

/** Milliseconds until the next attempt; undefined when there must be none. */
function waitOf(error: ConnectError, policy: Policy, attempt: number): number | undefined {
  const pushback = error.metadata.get("grpc-retry-pushback-ms");
  if (pushback !== null) {
    // gRFC A6: anything but a plain number forbids the retry.
    return /^\d+$/.test(pushback) ? within(Number(pushback)) : undefined;
  }
  const asked = explain(error).retryAfterMs;
  if (asked !== undefined) {
    return within(asked);
  }
  const backoff = Math.min(policy.initialBackoffMs * policy.multiplier ** (attempt - 1), policy.maxBackoffMs);
  return backoff * (0.8 + 0.4 * Math.random());
}

function within(waitMs: number): number | undefined {
  return waitMs <= longestWaitMs ? waitMs : undefined;
}

/** Waits, and throws at once when the call is cancelled or its deadline passes. */
function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(ConnectError.from(signal.reason));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, waitMs);
    if (signal.aborted) {
      abort();
    } else {
      signal.addEventListener("abort", abort, { once: true });
    }
  });
}
