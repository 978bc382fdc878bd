/** Client of hexgate: one typed gRPC API in front of every LLM provider. */

export { createHexgate, type Hexgate, type HexgateOptions } from "./hexgate.js";
export { explain, type Problem, type Violation } from "./explain.js";
export { policyOf, type Policy } from "./policy.js";
export { retryUnavailable } from "./retry.js";
