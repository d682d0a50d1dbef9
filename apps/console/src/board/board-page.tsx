import { useDeferredValue, useMemo, useState } from "react";
import { useMaySomewhere } from "../api/context.js";
import { useRoom, useRoomList } from "../live/hooks.js";
import type { RoomState } from "../live/room-state.js";
import { Page } from "../shell/page.js";
import { healthOf } from "../streams/health.js";
import { hasEnded, isRender } from "../streams/status.js";
import { ButtonLink } from "../ui/button.js";
import { Field, Tick } from "../ui/field.js";
import { count } from "../ui/format.js";
import { Table } from "../ui/table.js";
import styles from "./board-page.module.css";
import { RenderRow } from "./render-row.js";
import { type Board, type BoardFilter, sortStreams } from "./sort-streams.js";
import { StreamCard } from "./stream-card.js";

/** The room at a glance: a card for each stream. */
export function BoardPage() {
  const mayOperate = useMaySomewhere("operator");
  const [words, setWords] = useState("");
  const [problemsOnly, setProblemsOnly] = useState(false);
  const filter = { words: useDeferredValue(words.trim()), problemsOnly };
  const complete = useRoom((room) => room.complete);
  const boardOf = useSortedOnce(filter);
  const open = useRoomList(({ jobs }) => boardOf(jobs).open);
  const failed = useRoomList(({ jobs }) => boardOf(jobs).failed);
  const renders = useRoomList(({ jobs }) => boardOf(jobs).renders);
  const filtered = filter.words !== "" || problemsOnly;
  return (
    <Page
      title="Streams"
      subtitle={<Summary />}
      actions={
        mayOperate && (
          <ButtonLink to="/new" tone="primary">
            New stream
          </ButtonLink>
        )
      }
    >
      <search className={styles.tools}>
        <div className={styles.search}>
          <Field label="Find">
            {(props) => (
              <input
                {...props}
                type="search"
                value={words}
                placeholder="title, team, sheet, agent"
                onChange={({ target }) => setWords(target.value)}
              />
            )}
          </Field>
        </div>
        <Tick label="Only with problems" checked={problemsOnly} onChange={setProblemsOnly} />
      </search>
      {open.length > 0 && (
        <section aria-labelledby="open-streams">
          <h2 id="open-streams" className="hidden-text">
            Under way
          </h2>
          <ul className={styles.grid} aria-label="Streams">
            {open.map((id) => (
              <StreamCard key={id} id={id} />
            ))}
          </ul>
        </section>
      )}
      {complete && open.length === 0 && (
        <div className={styles.empty}>
          <p>{filtered ? "No stream is like that." : "No stream is on air."}</p>
          {!filtered && mayOperate && <ButtonLink to="/new">Start one</ButtonLink>}
        </div>
      )}
      {!complete && <p className="soft">Loading the streams…</p>}
      {renders.length > 0 && (
        <section aria-labelledby="renders">
          <h2 id="renders" className={styles.title}>
            Renders
          </h2>
          <Table columns={["Render", "Done", "Agent"]} actions>
            {renders.map((id) => (
              <RenderRow key={id} id={id} />
            ))}
          </Table>
        </section>
      )}
      {failed.length > 0 && (
        <section aria-labelledby="failed-streams">
          <h2 id="failed-streams" className={styles.title}>
            Failed lately
          </h2>
          <ul className={styles.grid}>
            {failed.map((id) => (
              <StreamCard key={id} id={id} />
            ))}
          </ul>
        </section>
      )}
    </Page>
  );
}

/** Sorts the streams once for all lists of the board, as long as neither they nor the filter are others. */
function useSortedOnce({ words, problemsOnly }: BoardFilter): (jobs: RoomState["jobs"]) => Board {
  return useMemo(() => {
    let last: { jobs: RoomState["jobs"]; board: Board } | undefined;
    return (jobs) => {
      if (last?.jobs !== jobs) last = { jobs, board: sortStreams(jobs.values(), { words, problemsOnly }, Date.now()) };
      return last.board;
    };
  }, [words, problemsOnly]);
}

/** `8 streams on air, 1 waiting, 2 with problems`, in one string, so that it is drawn again only when it changes. */
function Summary() {
  const words = useRoom(({ jobs }) => {
    const open = [...jobs.values()].filter((job) => !hasEnded(job) && !isRender(job));
    const onAir = open.filter(({ status }) => status === "RUNNING").length;
    const troubled = open.filter((job) => healthOf(job).tone === "bad").length;
    const waiting = open.length - onAir;
    return [
      `${count(onAir, "stream")} on air`,
      ...(waiting > 0 ? [`${waiting} not yet`] : []),
      ...(troubled > 0 ? [`${troubled} in trouble`] : []),
    ].join(" · ");
  });
  return <p aria-live="polite">{words}</p>;
}
