import { describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { broadcastOf, eventOf, inLife, openQuick as open, typesOf } from "./youtube-shows.js";

describe("going live", () => {
  test("waits until YouTube sees the stream, then goes live in one step, and once", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    await house.jobIn(id, "RUNNING");
    await waitFor(() => fake.countOf("liveStreams.list") > 3);
    expect(fake.countOf("liveBroadcasts.transition")).toBe(0);
    fake.push(broadcast.id);
    await inLife(broadcast, "live");
    await eventOf(youtube, id, "broadcast.live");
    expect(fake.countOf("liveBroadcasts.transition")).toBe(1);
  });

  test("goes through testing where somebody has turned the monitor stream on", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    broadcast.monitorStream = true;
    fake.push(broadcast.id);
    await inLife(broadcast, "live");
    const asked = fake.calls.filter(({ method }) => method === "liveBroadcasts.transition");
    // It may have been turned on between two of our looks, which YouTube then refuses.
    expect(asked.map(({ query }) => query.get("broadcastStatus")).slice(-2)).toEqual(["testing", "live"]);
  });

  test.each([
    "redundantTransition",
    "invalidTransition",
    "errorStreamInactive",
    "errorExecutingTransition",
    "backendError",
  ] as const)("goes on after %s by looking how the broadcast stands", async (reason) => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    fake.faults.plan("liveBroadcasts.transition", { kind: "error", reason });
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await inLife(broadcast, "live");
    await eventOf(youtube, id, "broadcast.live");
  });

  test("that YouTube refuses stops with a sentence, and is tried again when the stream starts anew", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using agent = await house.agent();
    fake.faults.plan("liveBroadcasts.transition", { kind: "error", reason: "livePermissionBlocked" });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    expect((await eventOf(youtube, id, "broadcast.not_live")).message).toContain("YouTube Studio");
    expect(await house.job(id)).toMatchObject({ status: "RUNNING" });
    expect(fake.countOf("liveBroadcasts.transition")).toBe(1);
    agent.fail(id);
    await inLife(broadcast, "live");
  });

  test("of somebody's hand in YouTube Studio is taken over; an end there is told, and the stream goes on", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    broadcast.autoStart = true;
    fake.push(broadcast.id);
    await eventOf(youtube, id, "broadcast.live");
    expect(fake.countOf("liveBroadcasts.transition")).toBe(0);
    broadcast.lifeCycle = "complete";
    await eventOf(youtube, id, "broadcast.ended_at_youtube");
    expect(await house.job(id)).toMatchObject({ status: "RUNNING" });
  });
});

describe("the same broadcast", () => {
  test("goes on after restarts of the encoder and of the orchestrator", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    const agent = await house.agent({ modern: {} });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await eventOf(youtube, id, "broadcast.live");
    agent.fail(id);
    await waitFor(async () => (await typesOf(youtube, id)).includes("stream.restart_ready"));
    await house.stop();
    await agent.cut();
    await house.start();
    const { epoch } = await house.job(id);
    await using _back = await house.agent({ modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch }] } });
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await eventOf(youtube, id, "broadcast.completed");
    expect(fake.broadcasts).toHaveLength(1);
    expect(broadcast.lifeCycle).toBe("complete");
    expect((await typesOf(youtube, id)).filter((type) => type === "broadcast.live")).toHaveLength(1);
  });
});

describe("the end of a job", () => {
  test("completes the broadcast, takes its stream away, and says so behind the job's end", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await eventOf(youtube, id, "broadcast.live");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect((await eventOf(youtube, id, "broadcast.completed")).data).toMatchObject({ broadcastId: broadcast.id });
    expect(broadcast.lifeCycle).toBe("complete");
    await waitFor(() => fake.streams.length === 0);
  });

  test("deletes a broadcast that never was live, also one that is just being made", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    const first = await house.submit();
    await broadcastOf(youtube, first.id);
    fake.faults.plan("liveBroadcasts.insert", { kind: "drop-after" });
    const second = await house.submit();
    await waitFor(() => fake.countOf("liveBroadcasts.insert") === 2);
    for (const { id } of [first, second]) await house.api("POST", `/v1/jobs/${id}/stop`);
    await waitFor(() => fake.broadcasts.length === 0 && fake.streams.length === 0);
    await eventOf(youtube, first.id, "broadcast.deleted");
  });

  test("is tried again where YouTube fails, and told", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await eventOf(youtube, id, "broadcast.live");
    fake.faults.plan("liveBroadcasts.transition", { kind: "error", reason: "backendError" }, 2);
    fake.faults.plan("liveBroadcasts.transition", { kind: "drop-after" });
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect((await eventOf(youtube, id, "broadcast.complete_failed")).data).toMatchObject({ attempt: 1 });
    await eventOf(youtube, id, "broadcast.completed");
    expect(broadcast.lifeCycle).toBe("complete");
  });

  test("that came while the orchestrator was away is made up for at its start", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    const agent = await house.agent();
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await eventOf(youtube, id, "broadcast.live");
    const released = fake.faults.plan("*", { kind: "drop" }, 1000);
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await house.jobIn(id, "STOPPED");
    await house.stop();
    await agent.cut();
    released();
    expect(broadcast.lifeCycle).toBe("live");
    await house.start();
    await inLife(broadcast, "complete");
    await eventOf(youtube, id, "broadcast.completed");
  });
});

describe("edits of title and description", () => {
  test("reach YouTube once they have come to rest, within its limits", async () => {
    await using youtube = await open({ YOUTUBE_EDIT_DELAY_MS: "1000" });
    const { house, fake } = youtube;
    const { id } = await house.submit();
    const broadcast = await broadcastOf(youtube, id);
    for (const title of ["One", "Two", `<Three> ${"x".repeat(200)}`])
      await house.api("PUT", `/v1/jobs/${id}/metadata`, { title, description: "New" });
    await eventOf(youtube, id, "broadcast.edited");
    expect(fake.countOf("liveBroadcasts.update")).toBe(1);
    expect(broadcast.title).toHaveLength(100);
    expect(broadcast.title).toMatch(/^‹Three› x+…$/);
    expect(broadcast.description).toBe("New");
    fake.faults.plan("liveBroadcasts.update", { kind: "error", reason: "invalidTitle" });
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { title: "Refused" });
    await eventOf(youtube, id, "broadcast.edit_failed");
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { title: "Taken" });
    await waitFor(() => broadcast.title === "Taken");
  });
});

describe("a stream key that is kept for a sheet", () => {
  test("serves one job after another, and another one where it is deleted at YouTube", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    const youtubeWish = { youtube: { keepStreamAs: "Sheet A" } };
    const keyOf = async () => {
      const { id } = await house.submit(youtubeWish);
      await broadcastOf(youtube, id);
      const { streamKey } = (await house.job(id)).streamMetadata.youtube;
      return { id, streamKey };
    };
    const first = await keyOf();
    // While it is in use, another job gets one of its own.
    const beside = await keyOf();
    expect(beside.streamKey).not.toBe(first.streamKey);
    for (const { id } of [first, beside]) await house.api("POST", `/v1/jobs/${id}/stop`);
    await waitFor(() => fake.broadcasts.length === 0 && fake.streams.length === 1);
    const second = await keyOf();
    expect(second.streamKey).toBe(first.streamKey);
    await house.api("POST", `/v1/jobs/${second.id}/stop`);
    await waitFor(() => fake.broadcasts.length === 0);
    fake.api.streams.clear();
    const third = await keyOf();
    expect(third.streamKey).not.toBe(first.streamKey);
  });
});
