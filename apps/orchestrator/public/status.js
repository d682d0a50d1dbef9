// The room at a glance: streams with their live preview, and agents. It follows the /ui socket: an array replaces a
// list, an object replaces or adds the entry with its id.
import { signedIn, socketAddress } from "./session.js";

const FINAL = new Set(["STOPPED", "FAILED", "CANCELED"]);
const TONES = { RUNNING: "good", IDLE: "good", FAILED: "bad", OFFLINE: "bad", ERROR: "bad" };
const lists = { "ui.job.update": new Map(), "ui.agent.update": new Map() };
const link = document.getElementById("link");
const players = new Map();

/** Connects as whoever is signed in, and asks for a sign-in where nobody is. */
async function connect(attempt = 0) {
  let tries = attempt;
  const again = () => {
    link.textContent = "the orchestrator is away; trying again…";
    link.className = "bad";
    const pause = Math.min(15_000, 500 * 2 ** tries);
    setTimeout(() => connect(tries + 1), pause / 2 + (Math.random() * pause) / 2);
  };
  let socket;
  try {
    await signedIn();
    socket = new WebSocket(await socketAddress("/ui"));
  } catch {
    again();
    return;
  }
  socket.addEventListener("open", () => {
    tries = 0;
    link.textContent = "live";
    link.className = "good";
  });
  socket.addEventListener("message", ({ data }) => apply(JSON.parse(data)));
  socket.addEventListener("close", again);
}

function apply({ type, payload }) {
  const list = lists[type];
  if (list === undefined) return;
  if (Array.isArray(payload)) list.clear();
  for (const entry of [payload].flat()) list.set(entry.id, entry);
  if (type === "ui.job.update") drawStreams();
  else drawAgents();
}

function drawStreams() {
  const jobs = [...lists["ui.job.update"].values()].filter(({ status }) => !FINAL.has(status));
  draw("streams", jobs, (card, job) => {
    const { progress } = job;
    card.title.textContent = job.streamMetadata?.title ?? job.id;
    const shown = progress?.onAir;
    const instead =
      job.status === "RUNNING" && shown !== undefined && shown !== "program" ? `on air: ${shown}` : undefined;
    setState(card.state, job.status, job.reason?.message ?? job.pendingReason ?? instead);
    if (instead !== undefined) card.state.className = "state warn";
    card.figures.textContent =
      progress == null
        ? ""
        : [
            progress.fps === undefined ? undefined : `${Math.round(progress.fps)} fps`,
            progress.bitrateKbps === undefined ? undefined : `${Math.round(progress.bitrateKbps)} kbit/s`,
            progress.speed === undefined ? undefined : `${progress.speed.toFixed(2)}× real time`,
            progress.droppedFrames ? `${progress.droppedFrames} frames dropped` : undefined,
          ]
            .filter((part) => part !== undefined)
            .join(" · ");
    if (job.status === "RUNNING") preview(card.item, job.id).catch(() => players.delete(job.id));
  });
}

function drawAgents() {
  draw("agents", [...lists["ui.agent.update"].values()], (card, agent) => {
    card.title.textContent = agent.name;
    setState(card.state, agent.state, agent.error?.message);
    card.figures.textContent = `${agent.currentJobIds.length} of ${agent.capabilities.slots} slots in use · version ${agent.version}`;
  });
}

function setState(element, state, why) {
  element.textContent = why == null ? state : `${state}: ${why}`;
  element.className = `state ${TONES[state] ?? "warn"}`;
}

function draw(id, entries, fill) {
  const list = document.getElementById(id);
  document.getElementById(`no-${id}`).hidden = entries.length > 0;
  const wanted = new Set(entries.map((entry) => entry.id));
  for (const item of [...list.children]) if (!wanted.has(item.dataset.id)) remove(item);
  for (const entry of entries) {
    const item =
      [...list.children].find(({ dataset }) => dataset.id === entry.id) ?? list.appendChild(newCard(entry.id));
    const [title, state, figures] = ["h3", ".state", ".figures"].map((part) => item.querySelector(part));
    fill({ item, title, state, figures }, entry);
  }
}

function newCard(id) {
  const item = document.createElement("li");
  item.dataset.id = id;
  for (const [tag, name] of [
    ["h3", ""],
    ["p", "state"],
    ["p", "figures"],
  ])
    item.appendChild(Object.assign(document.createElement(tag), { className: name }));
  return item;
}

function remove(item) {
  players.get(item.dataset.id)?.destroy();
  players.delete(item.dataset.id);
  item.remove();
}

/** Plays the stream's HLS preview, where it has one in the media folder. */
async function preview(item, jobId) {
  if (players.has(jobId)) return;
  players.set(jobId, undefined);
  const address = `/media/${encodeURIComponent(jobId)}/index.m3u8`;
  const found = await fetch(address, { method: "HEAD" }).catch(() => undefined);
  if (!found?.ok || !item.isConnected) {
    // It may be too early for the first segment, or the stream has no preview: the next news of the job tries again.
    setTimeout(() => players.delete(jobId), 2000);
    return;
  }
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    autoplay: true,
    controls: true,
    playsInline: true,
  });
  item.prepend(video);
  const { default: Hls } = await import("/assets/hls.mjs");
  if (Hls.isSupported()) {
    const player = new Hls({ liveSyncDurationCount: 2 });
    player.loadSource(address);
    player.attachMedia(video);
    players.set(jobId, player);
  } else video.src = address;
}

void connect();
