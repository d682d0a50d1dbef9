import type { JobRecord } from "@stream-control/protocol";
import { useRef, useState } from "react";
import { usePictureTime } from "../live/hooks.js";
import styles from "./picture.module.css";
import { titleOf } from "./status.js";
import { useVisible } from "./use-visible.js";

/** The newest picture of what goes out; it moves every few seconds, while it can be seen. */
export function Picture({ job }: { job: JobRecord }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const takenAt = usePictureTime(job.id);
  const [failed, setFailed] = useState<string | undefined>();
  const running = job.status === "RUNNING";
  // Before the first news of a picture there may be one already.
  const wanted = `/v1/jobs/${encodeURIComponent(job.id)}/snapshot?at=${encodeURIComponent(takenAt ?? "first")}`;
  const [shown, setShown] = useState(wanted);
  if (visible && shown !== wanted) setShown(wanted);
  return (
    <div ref={frame} className={styles.frame}>
      {running && visible && failed !== shown ? (
        <img
          src={shown}
          alt={`What ${titleOf(job)} sends out`}
          onError={() => setFailed(shown)}
          data-picture={takenAt}
        />
      ) : (
        <p className={styles.none}>{running ? "No picture yet" : "Not on air"}</p>
      )}
    </div>
  );
}
