/** From a failed call to what the gateway says about it. */

import { type Duration } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type CompletionFailure, CompletionFailureSchema } from "./gen/hexgate/v1/completion_service_pb.js";

/** One bad field of a request. */
export interface Violation {
  /** The path, such as `spec.messages[0].role`. */
  readonly field: string;
  /** What was expected, for people. */
  readonly description: string;
  /** An UPPER_SNAKE word, for machines. */
  readonly reason: string;
}

/** Everything a gateway says about a failed call. */
export interface Problem {
  /** The gRPC status code; decide by it when `reason` is unknown. */
  readonly code: Code;
  /**
   * A name of hexgate.v1.ErrorReason without its prefix. Empty when the failure is the transport's
   * own and the gateway never answered.
   */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** Every dynamic value of `message`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long to wait before repeating the call. Undefined: this answer is no reason to repeat it. */
  readonly retryAfterMs: number | undefined;
  /** The bad fields of an invalid request. */
  readonly violations: readonly Violation[];
  /** What was tried, delivered and spent, when a provider was involved. */
  readonly failure: CompletionFailure | undefined;
}

/** Marks the google.rpc.ErrorInfo that hexgate itself attached. */
const domain = "hexgate";

/** Reads whatever a call threw. Never throws: details that do not parse count as absent. */
export function explain(error: unknown): Problem {
  const failed = ConnectError.from(error);
  const info = failed.findDetails(ErrorInfoSchema).find((found) => found.domain === domain);
  return {
    code: failed.code,
    reason: info?.reason ?? "",
    message: failed.rawMessage,
    metadata: info?.metadata ?? {},
    retryAfterMs: retryAfterMs(failed),
    violations: failed
      .findDetails(BadRequestSchema)
      .flatMap((bad) => bad.fieldViolations)
      .map(({ field, description, reason }) => ({ field, description, reason })),
    failure: failed.findDetails(CompletionFailureSchema)[0],
  };
}

function retryAfterMs(error: ConnectError): number | undefined {
  const delay: Duration | undefined = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}
