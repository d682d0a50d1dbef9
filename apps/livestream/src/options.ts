import type { Logger } from "@stream-control/service-kit";
import type { AccessMode } from "@stream-control/service-kit/access";
import type { DoorSettings } from "@stream-control/service-kit/http";

/** Where LiveKit is. */
export interface LiveKitAccess {
  url: string;
  apiKey: string;
  apiSecret: string;
}

/** What the service is made with; everything but LiveKit has a default. */
export interface LivestreamOptions {
  livekit: LiveKitAccess;
  /** 0 takes any free port; see `port` of the service. */
  port?: number;
  grpcPort?: number;
  host?: string;
  /** Folder of the SQLite database; not used with `databaseUrl`. */
  dataDir?: string;
  /** PostgreSQL, which several instances share. */
  databaseUrl?: string | undefined;
  natsUrl?: string | undefined;
  redisUrl?: string | undefined;
  /** Keeps installations that share a broker apart. */
  busPrefix?: string;
  instance?: string | undefined;
  tokenTtlSeconds?: number;
  emptyTimeoutSeconds?: number;
  livekitTimeoutMs?: number;
  reconcileEveryMs?: number;
  joinTimeoutMs?: number;
  lookEveryMs?: number;
  retentionMs?: number;
  accessControl?: AccessMode;
  allowedOrigins?: readonly string[];
  door?: DoorSettings;
  /** Is given the admin key that is made when nobody could get in otherwise. It cannot be had again. */
  onFirstKey?: (key: string) => void;
  logger?: Logger;
}

export const DEFAULTS = {
  port: 3000,
  grpcPort: 8001,
  dataDir: "./data/livestream",
  busPrefix: "livestream",
  tokenTtlSeconds: 6 * 3600,
  emptyTimeoutSeconds: 300,
  livekitTimeoutMs: 5000,
  reconcileEveryMs: 10_000,
  joinTimeoutMs: 120_000,
  lookEveryMs: 2000,
  retentionMs: 90 * 86_400_000,
  accessControl: "loopback",
} as const satisfies Omit<LivestreamOptions, "livekit">;
