import { memo } from "react";
import { Link } from "wouter";
import { useAgent, useJob } from "../live/hooks.js";
import { healthOf } from "../streams/health.js";
import { renderedShare, titleOf } from "../streams/status.js";
import { StreamButtons } from "../streams/stream-buttons.js";

/** One render that is under way: how far it is, and who renders it. */
export const RenderRow = memo(function RenderRow({ id }: { id: string }) {
  const job = useJob(id);
  const agent = useAgent(job?.agentId ?? null);
  if (job === undefined) return null;
  const words = healthOf(job).words.join(" ");
  const share = renderedShare(job);
  return (
    <tr data-job={id}>
      <td>
        <Link href={`/jobs/${encodeURIComponent(id)}`}>{titleOf(job)}</Link>
      </td>
      <td>
        {share !== undefined && <progress max={1} value={share} aria-label={`${titleOf(job)}: ${words}`} />}
        <p className="figure">{words}</p>
      </td>
      <td>{agent?.name ?? job.agentId ?? "none yet"}</td>
      <td>
        <StreamButtons job={job} />
      </td>
    </tr>
  );
});
