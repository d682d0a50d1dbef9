import { ConfigError } from "../config.js";
import { weakness } from "./weak-secret.js";

/** Something that a service must not start with in production. */
export interface ProductionCheck {
  /** What is wrong, as a sentence without its full stop; `undefined` where nothing is. */
  problem: string | undefined;
  /** What to do about it, as a sentence without its full stop. */
  remedy: string;
  /** The variable that says in words that it is wanted so. */
  unless: { variable: string; isSet: boolean };
}

/**
 * Stops the start of a service that would stand open in production.
 *
 * @throws ConfigError with every problem, what to do about it, and how to say that it is wanted.
 */
export function refuseWeakProduction(checks: readonly ProductionCheck[]): void {
  const lines = checks.flatMap(({ problem, remedy, unless }) =>
    problem === undefined || unless.isSet ? [] : [`${problem}. ${remedy}, or say ${unless.variable}=true.`],
  );
  if (lines.length === 0) return;
  const counted = lines.map((line, index) => (lines.length === 1 ? line : `(${index + 1}) ${line}`));
  throw new ConfigError(`NODE_ENV=production does not start like this: ${counted.join(" ")}`);
}

/** Refuses a secret that is a default or can be guessed. */
export function secretCheck(
  variable: string,
  secret: string,
  unless: { variable: string; isSet: boolean },
): ProductionCheck {
  const why = weakness(secret);
  return {
    problem: why === undefined ? undefined : `${variable} is weak: ${why}`,
    remedy: `Set ${variable} to a random text, such as the output of "openssl rand -hex 32"`,
    unless,
  };
}

/** Refuses secrets at rest whose key lies beside them: it protects nobody from whoever gets hold of the folder or a backup. */
export function keyCheck(isGiven: boolean, isSet: boolean): ProductionCheck {
  return {
    problem: isGiven ? undefined : "SECRETS_KEY is not given, so that the key would lie beside what it encrypts",
    remedy: 'Set SECRETS_KEY or SECRETS_KEY_FILE to what "secrets generate-key" prints',
    unless: { variable: "SECRETS_KEY_IN_DATA_DIR", isSet },
  };
}

/** Refuses CORS that is open to every page. */
export function originCheck(allowed: readonly string[], isSet: boolean): ProductionCheck {
  return {
    problem: allowed.includes("*") ? "ALLOWED_ORIGINS=* lets every page on the web use this service" : undefined,
    remedy: "List the origins of your pages in ALLOWED_ORIGINS",
    unless: { variable: "ALLOW_ANY_ORIGIN", isSet },
  };
}

/** Refuses a service that asks nobody who they are. */
export function accessCheck(accessControl: boolean, isSet: boolean): ProductionCheck {
  return {
    problem: accessControl ? undefined : "ACCESS_CONTROL=off lets everybody in",
    remedy: "Take ACCESS_CONTROL away, so that callers need a key",
    unless: { variable: "ALLOW_NO_ACCESS_CONTROL", isSet },
  };
}

/**
 * What may be wanted in production, but is rarely meant: it is told, not refused.
 *
 * @returns sentences for the log.
 */
export function productionWarnings(options: { hasTls: boolean; trustedProxies: readonly string[] }): string[] {
  const { hasTls, trustedProxies } = options;
  return [
    ...(hasTls || trustedProxies.length > 0
      ? []
      : [
          "Connections are not encrypted: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXIES where a proxy speaks TLS.",
        ]),
  ];
}
