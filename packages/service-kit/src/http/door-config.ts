import { z } from "zod";
import { ConfigError, envVar } from "../config.js";
import { ClientAddresses } from "./callers/client-addresses.js";
import type { RequestRates } from "./callers/limit-requests.js";
import type { DoorLimits } from "./door/limits.js";
import type { TlsFiles } from "./door/tls-files.js";
import { Origins } from "./origins.js";

/** Variables that every service with a door reads; to be spread into its own. */
export const doorVariables = {
  NODE_ENV: z.enum(["development", "production", "test"]).default("development"),
  ALLOWED_ORIGINS: envVar.list().default([]),
  TRUSTED_PROXIES: envVar.list().default([]),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  TLS_CLIENT_CA_FILE: z.string().optional(),
  TLS_MIN_VERSION: z.enum(["1.2", "1.3"]).default("1.2"),
  MAX_CONNECTIONS: envVar.int({ min: 16, max: 1_000_000 }).optional(),
  RATE_LIMIT_PER_MINUTE: envVar.int({ max: 10_000_000 }).optional(),
  WRITE_LIMIT_PER_MINUTE: envVar.int({ max: 10_000_000 }).optional(),
  SOCKET_LIMIT_PER_MINUTE: envVar.int({ max: 10_000_000 }).optional(),
};

type DoorValues = z.infer<z.ZodObject<typeof doorVariables>>;

/** How a service's door is set; all of it has defaults. */
export interface DoorSettings {
  tls?: TlsFiles;
  trustedProxies?: readonly string[];
  rates?: RequestRates;
  handshakesPerMinute?: number;
  limits?: Partial<DoorLimits>;
}

/** Requests per minute and caller: far more than a page or a script needs, far less than the service answers. */
export const DEFAULT_RATES: RequestRates = { readsPerMinute: 6000, writesPerMinute: 3000, exceptLoopback: true };

/** Proxies keep connections for a minute; a service that closes them earlier makes every first request after it fail. */
const KEEP_ALIVE_BEHIND_PROXY_MS = 65_000;

/**
 * Turns the variables into settings.
 *
 * @throws ConfigError that names what does not fit together.
 */
export function readDoor(values: DoorValues): { settings: DoorSettings; allowedOrigins: string[] | undefined } {
  const production = values.NODE_ENV === "production";
  const allowedOrigins = production ? values.ALLOWED_ORIGINS : undefined;
  // Entries are checked now, where a mistake stops the start, rather than with the first page.
  new ClientAddresses(values.TRUSTED_PROXIES);
  new Origins(allowedOrigins);
  const tls = readTls(values);
  const { RATE_LIMIT_PER_MINUTE: reads, WRITE_LIMIT_PER_MINUTE: writes, SOCKET_LIMIT_PER_MINUTE: sockets } = values;
  return {
    allowedOrigins,
    settings: {
      ...(tls === undefined ? {} : { tls }),
      trustedProxies: values.TRUSTED_PROXIES,
      rates: {
        readsPerMinute: reads ?? DEFAULT_RATES.readsPerMinute,
        writesPerMinute: writes ?? reads ?? DEFAULT_RATES.writesPerMinute,
        exceptLoopback: !production && reads === undefined && writes === undefined,
      },
      ...(sockets === undefined ? {} : { handshakesPerMinute: sockets }),
      limits: {
        ...(values.MAX_CONNECTIONS === undefined ? {} : { maxConnections: values.MAX_CONNECTIONS }),
        ...(values.TRUSTED_PROXIES.length === 0 ? {} : { keepAliveTimeoutMs: KEEP_ALIVE_BEHIND_PROXY_MS }),
      },
    },
  };
}

function readTls(values: DoorValues): TlsFiles | undefined {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TLS_CLIENT_CA_FILE: clientCaFile } = values;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new ConfigError("The configuration is wrong: TLS needs both TLS_CERT_FILE and TLS_KEY_FILE.");
  return {
    certFile,
    keyFile,
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
    minVersion: values.TLS_MIN_VERSION === "1.3" ? "TLSv1.3" : "TLSv1.2",
  };
}
