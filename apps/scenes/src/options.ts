import type { Bus } from "@stream-control/bus";
import type { Logger } from "@stream-control/service-kit";
import type { AccessMode } from "@stream-control/service-kit/access";
import type { DoorSettings } from "@stream-control/service-kit/http";
import { DEFAULT_SERVICE, type ServiceSettings } from "./service/settings.js";

/** What the service is made with; everything has a default. */
export interface ScenesOptions {
  /** 0 takes any free port; see `port` of the service. */
  port?: number;
  host?: string;
  /** Folder of the database. */
  dataDir?: string;
  /** Makes it one of several instances, which share timelines over NATS. */
  natsUrl?: string | undefined;
  /** Where NATS tells how it is set. */
  natsMonitorUrl?: string | undefined;
  /** Copies of what NATS keeps, where its servers are several. */
  replicas?: number;
  /** The name of this instance; a random one unless given. */
  instance?: string | undefined;
  service?: Partial<ServiceSettings>;
  /** How long as-run records of removed timelines are kept. */
  keepRemovedMs?: number;
  accessControl?: AccessMode;
  allowedOrigins?: readonly string[];
  door?: DoorSettings;
  /** Is given the admin key that is made when nobody could get in otherwise. It cannot be had again. */
  onFirstKey?: (key: string) => void;
  logger?: Logger;
  /** The bus to use instead of an own one; it is not closed. */
  bus?: Bus;
}

export const DEFAULTS = {
  port: 3100,
  dataDir: "./data/scenes",
  replicas: 1,
  keepRemovedMs: 30 * 86_400_000,
  accessControl: "loopback",
  service: DEFAULT_SERVICE,
} as const satisfies ScenesOptions;
