import { useEffect, useRef } from "react";
import { messageOf } from "../api/orchestrator-api.js";
import { timeOfDay } from "../ui/format.js";
import { useJobLog } from "./use-job-history.js";

/** How near to the end one must be for the log to follow. */
const AT_END_PX = 40;

/** What the agent and its ffmpeg say, as they say it; follows while one looks at the end. */
export function LogPanel({ jobId }: { jobId: string }) {
  const { data: lines = [], error } = useJobLog(jobId);
  const box = useRef<HTMLPreElement>(null);
  const following = useRef(true);
  const newest = lines.at(-1)?.ts;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what there is to scroll for.
  useEffect(() => {
    const element = box.current;
    if (element !== null && following.current) element.scrollTop = element.scrollHeight;
  }, [newest, lines.length]);
  if (error !== null) return <p role="alert">{messageOf(error)}</p>;
  if (lines.length === 0)
    return <p className="soft">Nothing was logged, or the job has ended: logs are kept while it runs.</p>;
  return (
    <pre
      ref={box}
      className="log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1).
      tabIndex={0}
      role="log"
      aria-label="Log"
      aria-live="off"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
      }}
    >
      {lines.map(({ ts, level, message }) => `${timeOfDay(ts)} ${level.padEnd(5)} ${message}\n`).join("")}
    </pre>
  );
}
