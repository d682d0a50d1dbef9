import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "@stream-control/service-kit";

/** Before it, a server could not be told to flush what it acknowledges (https://docs.nats.io/reference/config/jetstream/sync_interval). */
const FIRST_THAT_CAN = [2, 10];

/**
 * Says so where an acknowledged command may be lost by a power cut: JetStream flushes every two minutes unless its servers are
 * told `sync_interval: always`, and a client cannot ask for it. A crash of the server alone loses nothing in any case.
 *
 * @param monitorUrl the server's monitoring address, by which it tells how it is set; null where it is not known.
 */
export async function warnOfLateFlush(
  connection: NatsConnection,
  monitorUrl: string | undefined,
  logger: Logger,
): Promise<void> {
  const version = connection.info?.version ?? "";
  if (!isAtLeast(version, FIRST_THAT_CAN)) {
    logger.warn(
      { version },
      "this version of NATS cannot flush what it acknowledges; a power cut may lose two minutes: use 2.10 or newer",
    );
    return;
  }
  if (monitorUrl === undefined) {
    logger.info(
      "set NATS_MONITOR_URL to have it checked that NATS flushes every acknowledged command (sync_interval: always)",
    );
    return;
  }
  const problem = await problemOf(monitorUrl).catch(() => "NATS_MONITOR_URL does not answer");
  if (problem !== undefined) logger.warn({ problem }, "a power cut may lose acknowledged commands");
}

async function problemOf(monitorUrl: string): Promise<string | undefined> {
  const response = await fetch(new URL("/varz", monitorUrl), { signal: AbortSignal.timeout(3000) });
  const { jetstream } = (await response.json()) as { jetstream?: { config?: { sync_always?: boolean } } };
  return jetstream?.config?.sync_always === true
    ? undefined
    : "its servers do not have jetstream { sync_interval: always }";
}

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
