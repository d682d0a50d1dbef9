import type { StormReport } from "./storm.js";
import type { Finding } from "./verdict/finding.js";

/** The one line that a run prints. */
export function summary(seed: number, seconds: number, { faults, jobs, findings, interruption }: StormReport): string {
  const count = (kind: Finding["kind"]) =>
    new Set(findings.flatMap((finding) => (finding.kind === kind ? [finding.about] : []))).size;
  const longest =
    interruption === undefined ? "none" : `${(interruption.ms / 1000).toFixed(1)} s (${interruption.streamPath})`;
  return [
    `chaos: seed ${seed}, ${seconds} s: ${faults} faults injected, ${jobs} jobs run`,
    ...[`${count("lost")} lost`, `${count("doubled")} doubled`, `${count("stuck")} stuck`],
    `longest interruption ${longest}`,
  ].join(", ");
}
