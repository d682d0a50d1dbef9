import type { Logger } from "@stream-control/service-kit";
import type { AccessMode } from "@stream-control/service-kit/access";
import type { DoorSettings } from "@stream-control/service-kit/http";
import type { OidcSettings } from "@stream-control/service-kit/oidc";
import type { KeyRing } from "@stream-control/service-kit/secrets";
import type { AgentAuthMode } from "./agents/admission.js";
import type { RetentionOptions } from "./audit/housekeeping.js";
import type { ConfigurationOptions } from "./configuration/assemble.js";
import { DEFAULT_RESTART, type RestartOptions } from "./jobs/restart-policy.js";
import type { TitleFormat } from "./jobs/titles.js";
import type { PreviewLimits } from "./preview/previews.js";
import { DEFAULT_PUBLIC, type PublicSettings } from "./public/settings.js";
import { DEFAULT_RESULTS, type ResultSettings } from "./renders/files/settings.js";
import { DEFAULT_WEBHOOKS, type WebhookSettings } from "./webhooks/settings.js";
import type { YouTubeSettings } from "./youtube/settings.js";

/** What an orchestrator is made with; everything has a default. */
export interface OrchestratorOptions {
  /** 0 takes any free port; see `port` of the orchestrator. */
  port?: number;
  /** The token that any agent may give in its hello; null where each needs one of its own. */
  agentToken?: string | null;
  /** How agents show who they are. */
  agentAuth?: AgentAuthMode;
  /** From whom people and programs must show who they are. */
  accessControl?: AccessMode;
  /** Where people may sign in beside with a password; nowhere unless given. */
  oidc?: OidcSettings | undefined;
  /** The YouTube channel that broadcasts are made on; none unless given. */
  youtube?: YouTubeSettings | undefined;
  /** Is given the admin key that is made when nobody could get in otherwise. It cannot be had again. */
  onFirstKey?: (key: string) => void;
  /** Address to listen on; all of them unless given. */
  host?: string;
  heartbeatIntervalMs?: number;
  /** Silence after which an agent is disconnected. */
  heartbeatTimeoutMs?: number;
  /** From a stop to a kill. */
  stopGraceMs?: number;
  /** From a kill to giving the job up. */
  killAfterMs?: number;
  /** TLS, proxies, rates and limits of the way in. */
  door?: DoorSettings;
  /** Origins that pages may come from, beside the service's own; all unless given. */
  allowedOrigins?: readonly string[];
  /** Folder of the database. */
  dataDir?: string;
  /** What encrypts the secrets in the database; unless given, a key file that is made in its folder. */
  keys?: KeyRing;
  /** Folder that is served under `/media/`. */
  mediaDir?: string;
  /** Where agents put what they render beside `mediaDir`, and how long it can be had. */
  results?: ResultSettings;
  /** What anybody may see; the streams of the room `default` unless given. */
  public?: PublicSettings;
  /** Where job events may be sent, and how. */
  webhooks?: WebhookSettings;
  ackTimeoutMs?: number;
  unknownTimeoutMs?: number;
  /** How long a fenced job may go on after its agent was last heard. */
  leaseMs?: number;
  /** How long an agent may take to change a stream that is on air; opening a source can mean connecting to a camera. */
  liveChangeMs?: number;
  restart?: RestartOptions;
  titles?: TitleFormat;
  /** How long history is kept; for ever unless given. */
  retention?: RetentionOptions;
  /** How often what running jobs measured is written; a minute unless given. */
  measurementsEveryMs?: number;
  /** How much is watched at once. */
  previews?: Partial<PreviewLimits>;
  /** How long a request for a render waits for its result. */
  renderWaitMs?: number;
  /** Where the settings come from that may be changed while it runs. */
  configuration?: ConfigurationOptions;
  logger?: Logger;
}

/** What counts where an option is not given. */
export const DEFAULTS = {
  port: 8080,
  agentToken: "dev-shared-token",
  agentAuth: "token",
  accessControl: "loopback",
  heartbeatIntervalMs: 3000,
  heartbeatTimeoutMs: 10_000,
  stopGraceMs: 10_000,
  killAfterMs: 5000,
  dataDir: "./data/orchestrator",
  ackTimeoutMs: 10_000,
  unknownTimeoutMs: 900_000,
  leaseMs: 12_000,
  liveChangeMs: 20_000,
  restart: DEFAULT_RESTART,
  titles: { locale: "en-US" },
  retention: {},
  measurementsEveryMs: 60_000,
  renderWaitMs: 30_000,
  public: DEFAULT_PUBLIC,
  webhooks: DEFAULT_WEBHOOKS,
  results: DEFAULT_RESULTS,
  configuration: {},
} as const satisfies OrchestratorOptions;
