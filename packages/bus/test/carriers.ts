import { randomBytes } from "node:crypto";
import { startNats, startRedis, type TestServer } from "@stream-control/test-kit";
import { type Bus, MemoryHub, memoryBus, openBus } from "../src/index.js";

/** One kind of bus for a test file: every bus opened meets the others of its kind. */
export interface TestBroker {
  server: TestServer | undefined;
  /** Of its subjects. */
  prefix: string;
  open(name?: string): Promise<Bus>;
  stop(): Promise<void>;
}

const remote = async (setting: "natsUrl" | "redisUrl", start: () => Promise<TestServer>): Promise<TestBroker> => {
  const server = await start();
  const prefix = `test-${randomBytes(4).toString("hex")}`;
  return {
    server,
    prefix,
    open: (name = "test") => openBus({ [setting]: server.url, prefix, name }),
    stop: () => server.stop(),
  };
};

export const BROKERS: Record<Bus["kind"], () => Promise<TestBroker>> = {
  memory: async () => {
    const hub = new MemoryHub();
    return { server: undefined, prefix: "", open: async () => memoryBus({ hub }), stop: async () => undefined };
  },
  nats: () => remote("natsUrl", startNats),
  redis: () => remote("redisUrl", startRedis),
};
