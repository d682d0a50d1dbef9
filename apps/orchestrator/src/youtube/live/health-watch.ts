import type { JobControl } from "../../jobs/control.js";
import type { Broadcast } from "../broadcasts/broadcast.js";
import type { JobFacts, JobSide } from "../broadcasts/job-side.js";
import { freshHealth, type Health, type HealthPolicy, judge, type Verdict } from "./health.js";
import type { Sighting } from "./sightings.js";

export interface HealthWatchOptions {
  jobs: JobSide;
  control: JobControl;
  policy: HealthPolicy;
  now: () => Date;
}

interface Patient {
  health: Health;
  /** A restart that was asked for, until the stream runs again. */
  restarting: { attempt: number; queued: boolean } | undefined;
}

/** Tells jobs what YouTube finds wrong with their streams, and restarts encoders where that is wanted. */
export class HealthWatch {
  private readonly patients = new Map<string, Patient>();

  constructor(private readonly options: HealthWatchOptions) {}

  /** One look at a broadcast that is on air. */
  async seen(broadcast: Broadcast, job: JobFacts | undefined, sighting: Sighting): Promise<void> {
    const { now, policy } = this.options;
    // While its encoder is not there, YouTube has nothing to find wrong.
    if (job?.status !== "RUNNING" || job.over || broadcast.state !== "live") return;
    const nowMs = performance.now();
    const patient = this.patient(broadcast.id, nowMs);
    const runningForMs = job.runningSince === null ? 0 : now().getTime() - Date.parse(job.runningSince);
    const restarts = broadcast.options.restartUnhealthy ?? policy.restarts;
    const judged = judge(patient.health, sighting, { policy: { ...policy, restarts }, nowMs, runningForMs });
    patient.health = judged.health;
    for (const verdict of judged.verdicts) await this.carryOut(broadcast, patient, verdict, sighting);
  }

  /** The job has changed: a restart that was asked for may be under way or through. */
  async changed(broadcast: Broadcast, job: JobFacts): Promise<void> {
    const patient = this.patients.get(broadcast.id);
    const restarting = patient?.restarting;
    if (patient === undefined || restarting === undefined) return;
    const data = { attempt: restarting.attempt };
    if (job.status === "PENDING" && !restarting.queued) {
      restarting.queued = true;
      const message = "The encoder has ended; the stream waits for an agent.";
      await this.options.jobs.note(broadcast, { type: "stream.restart_queued", message, data });
    }
    if (job.status !== "RUNNING" || !restarting.queued) return;
    patient.restarting = undefined;
    const message = "The stream runs again.";
    await this.options.jobs.note(broadcast, { type: "stream.restart_ready", message, data });
  }

  forget(id: string): void {
    this.patients.delete(id);
  }

  private async carryOut(broadcast: Broadcast, patient: Patient, verdict: Verdict, sighting: Sighting): Promise<void> {
    const { jobs, control } = this.options;
    switch (verdict.tell) {
      case "unhealthy":
        return jobs.note(broadcast, {
          ...{ type: "stream.unhealthy", message: verdict.message, result: "failed" },
          data: {
            health: sighting.health ?? null,
            issues: verdict.issues.map(({ type, severity }) => ({ type, severity })),
          },
        });
      case "well":
        return jobs.note(broadcast, {
          type: "stream.healthy",
          message: "YouTube finds nothing wrong with the stream any more.",
        });
      case "exhausted":
        return jobs.note(broadcast, {
          ...{ type: "stream.restart_exhausted", result: "failed", data: { attempt: verdict.attempts } },
          message: `The encoder was restarted ${verdict.attempts} times and the stream is unhealthy still; it goes on as it is.`,
        });
      case "restart": {
        patient.restarting = { attempt: verdict.attempt, queued: false };
        const message = `${verdict.message} The encoder is restarted.`;
        const data = { attempt: verdict.attempt, code: "STREAM_UNHEALTHY" };
        await jobs.note(broadcast, { type: "stream.restart_requested", message, data, result: "failed" });
        await control.move(broadcast.jobId ?? "", "YouTube finds the stream unhealthy; its encoder is restarted.");
      }
    }
  }

  private patient(id: string, nowMs: number): Patient {
    const known = this.patients.get(id);
    if (known !== undefined) return known;
    const fresh: Patient = { health: freshHealth(nowMs), restarting: undefined };
    this.patients.set(id, fresh);
    return fresh;
  }
}
