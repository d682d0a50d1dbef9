export {
  type Bus,
  BusError,
  type BusErrorCode,
  type BusLog,
  type BusMessage,
  type BusState,
  type Gap,
  MAX_MESSAGE_BYTES,
  type ReceiveOptions,
  type Subscription,
} from "./bus.js";
export { Lease, withLease } from "./lease.js";
export { MemoryHub, memoryBus } from "./memory/memory-carrier.js";
export { type BusOptions, openBus } from "./open-bus.js";
export { matches, token } from "./subject.js";
