import type { JobRecord, JobStatus, Page as Paged } from "@stream-control/protocol";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";
import { Link, useSearchParams } from "wouter";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { useRoomList } from "../live/hooks.js";
import { Page } from "../shell/page.js";
import { Badge } from "../streams/badge.js";
import { healthOf } from "../streams/health.js";
import { STATUS_WORDS, statusWord, teamsOf, titleOf } from "../streams/status.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { dayAndTime, duration } from "../ui/format.js";
import { Table } from "../ui/table.js";
import styles from "./history.module.css";

const PAGE = 50;

/** A day as the visitor means it, as the moment when it begins. */
const startOfDay = (day: string, plusDays = 0): string | undefined => {
  if (day === "") return undefined;
  const date = new Date(`${day}T00:00`);
  date.setDate(date.getDate() + plusDays);
  return date.toISOString();
};

/** Every job that there was, the newest first. The filters stand in the address, so that it can be passed on. */
export function HistoryPage() {
  const api = useApi();
  const [parameters, setParameters] = useSearchParams();
  const filter = (name: string) => parameters.get(name) ?? "";
  const set = (name: string, value: string) =>
    setParameters(
      (known) => {
        const next = new URLSearchParams(known);
        if (value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  const query = useDeferredValue(parameters.toString());
  const agents = useRoomList(({ agents }) => [...agents.values()].map(({ id }) => id).sort());
  const { data, error, hasNextPage, fetchNextPage, isFetching } = useInfiniteQuery({
    queryKey: ["history", query],
    queryFn: ({ pageParam, signal }) => {
      const asked = new URLSearchParams(query);
      return api.get<Paged<JobRecord>>(
        "/v1/jobs",
        {
          ...{ order: "desc", limit: PAGE, cursor: pageParam ?? undefined },
          ...{ q: asked.get("q") ?? undefined, status: asked.get("status") ?? undefined },
          agentId: asked.get("agent") ?? undefined,
          since: startOfDay(asked.get("from") ?? ""),
          until: startOfDay(asked.get("to") ?? "", 1),
        },
        signal,
      );
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
  const jobs = data?.pages.flatMap(({ items }) => items);
  return (
    <Page title="History">
      <search className={styles.filters}>
        <Field label="Find">
          {(control) => (
            <input
              {...control}
              type="search"
              value={filter("q")}
              placeholder="title, team, sheet, id"
              onChange={({ target }) => set("q", target.value)}
            />
          )}
        </Field>
        <Field label="State">
          {(control) => (
            <select {...control} value={filter("status")} onChange={({ target }) => set("status", target.value)}>
              <option value="">Any</option>
              {(Object.keys(STATUS_WORDS) as JobStatus[]).map((status) => (
                <option key={status} value={status}>
                  {STATUS_WORDS[status]}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Agent">
          {(control) => (
            <select {...control} value={filter("agent")} onChange={({ target }) => set("agent", target.value)}>
              <option value="">Any</option>
              {agents.map((id) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="From">
          {(control) => (
            <input
              {...control}
              type="date"
              value={filter("from")}
              onChange={({ target }) => set("from", target.value)}
            />
          )}
        </Field>
        <Field label="To">
          {(control) => (
            <input {...control} type="date" value={filter("to")} onChange={({ target }) => set("to", target.value)} />
          )}
        </Field>
      </search>
      {error !== null && <p role="alert">{messageOf(error)}</p>}
      {jobs !== undefined && jobs.length === 0 && <p>No stream was like that.</p>}
      {jobs !== undefined && jobs.length > 0 && <JobTable jobs={jobs} />}
      {hasNextPage && (
        <div className={styles.more}>
          <Button onClick={() => void fetchNextPage()} disabled={isFetching}>
            Older ones
          </Button>
        </div>
      )}
    </Page>
  );
}

function JobTable({ jobs }: { jobs: readonly JobRecord[] }) {
  return (
    <div className={styles.table}>
      <Table columns={["Stream", "State", "Agent", "Submitted", "On air"]}>
        {jobs.map((job) => (
          <tr key={job.id}>
            <td>
              <Link href={`/jobs/${encodeURIComponent(job.id)}`}>{titleOf(job)}</Link>
              <p className="soft">{teamsOf(job)}</p>
            </td>
            <td>
              <Badge tone={healthOf(job).tone}>{statusWord(job)}</Badge>
              {job.error !== null && <p className="soft">{job.error.message}</p>}
            </td>
            <td>{job.agentId ?? "–"}</td>
            <td>
              <time dateTime={job.createdAt}>{dayAndTime(job.createdAt)}</time>
            </td>
            <td className="figure">{timeOnAir(job)}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function timeOnAir({ startedAt, endedAt }: JobRecord): string {
  if (startedAt === null) return "–";
  return duration((endedAt === null ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt));
}
