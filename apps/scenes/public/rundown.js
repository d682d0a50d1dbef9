import { clock, overUnder, shownAt } from "./format.js";

const byId = (id) => document.getElementById(id);
const streamId = decodeURIComponent(location.hash.slice(1));
/** From a sign-in with a key; callers on the service's own machine need none. */
let csrfToken = null;
let update = null;
/** The service's clock, less ours: by the update that was quickest to come. */
let offsetMs = Number.NEGATIVE_INFINITY;
let known = "";

const text = (id, value) => {
  const element = byId(id);
  if (element.textContent !== value) element.textContent = value;
};

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(csrfToken === null ? {} : { "X-CSRF-Token": csrfToken }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

const path = (rest = "") => `/streams/${encodeURIComponent(streamId)}${rest}`;

async function command(rest, body = {}, method = "POST") {
  try {
    await call(method, path(rest), body);
    text("problem", "");
  } catch (error) {
    text("problem", error.message);
  }
}

function button(label, act, name = label) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}

/** What is asked for belongs to what is on air now: two who press at once skip one scene. */
const guarded = (rest) => () =>
  command(rest, update?.scene === null || update === null ? {} : { if_scene: update.scene.id });

function drawControls() {
  byId("controls").replaceChildren(
    button("Start", () => command("/start")),
    button("Take next", guarded("/take")),
    button("Skip", guarded("/skip")),
    button("Pause", guarded("/pause")),
    button("Resume", guarded("/resume")),
    button("Hold", guarded("/hold")),
    button("Release", guarded("/release")),
    button("−10 s", () => command("/time", { delta_ms: -10_000 })),
    button("+10 s", () => command("/time", { delta_ms: 10_000 })),
    button("Stop", () => command("/stop")),
  );
}

async function drawScenes() {
  const { config } = await call("GET", path());
  byId("scenes").replaceChildren(
    ...config.scenes.map(({ id, name, duration_ms: durationMs, hold }) => {
      const row = document.createElement("tr");
      row.dataset.id = id;
      const cells = [name + (hold ? " (holds)" : ""), clock(durationMs)].map((value) => {
        const cell = document.createElement("td");
        cell.textContent = value;
        return cell;
      });
      const actions = document.createElement("td");
      const part = encodeURIComponent(id);
      actions.append(
        button("Cue", () => command(`/cue/${part}`), `Cue ${name}`),
        " ",
        button("Force", () => command(`/scene/${part}`), `Force ${name}`),
      );
      row.append(...cells, actions);
      return row;
    }),
  );
}

function draw() {
  requestAnimationFrame(draw);
  if (update === null) return;
  const { mode, scene, next, over_under_ms: overUnderMs, predicted_end_ms: endMs, start_at_ms: startMs } = update;
  const atMs = Date.now() + offsetMs;
  const shown = shownAt(update, atMs);
  document.querySelector(".now").dataset.mode = mode;
  text("mode", mode === "idle" && startMs !== null ? `starts at ${new Date(startMs).toLocaleTimeString()}` : mode);
  text("scene", scene === null ? "–" : scene.name);
  const isOver = shown.overMs > 0;
  text("countdown", scene === null ? "" : isOver ? `+${clock(shown.overMs, { up: true })}` : clock(shown.remainingMs));
  byId("countdown").dataset.over = String(isOver);
  byId("progress").style.transform = `scaleX(${shown.progress})`;
  text("next", next === null ? "–" : `${next.name}${next.cued ? " (cued)" : ""}`);
  text("elapsed", clock(shown.totalElapsedMs, { up: true }));
  text("remaining", clock(shown.totalRemainingMs));
  text("end", endMs === null ? "–" : new Date(endMs).toLocaleTimeString());
  text("over", overUnder(overUnderMs));
  for (const row of byId("scenes").children) {
    row.setAttribute("aria-current", String(row.dataset.id === scene?.id));
    row.dataset.next = String(row.dataset.id === next?.id && row.dataset.id !== scene?.id);
  }
}

async function follow() {
  const query = csrfToken === null ? "" : `&ticket=${(await call("POST", "/v1/tickets", {})).ticket}`;
  const socket = new WebSocket(
    `${location.origin.replace("http", "ws")}${path("/ws")}?max_updates_per_second=2${query}`,
  );
  socket.addEventListener("message", ({ data }) => {
    const given = JSON.parse(data);
    if (given.stream_id === undefined) return;
    update = given;
    offsetMs = Math.max(offsetMs, given.at_ms - Date.now());
    text("link", "connected");
    const rundown = `${given.epoch} ${given.revision}`;
    if (rundown === known) return;
    known = rundown;
    drawScenes().catch((error) => text("problem", error.message));
  });
  socket.addEventListener("close", ({ code }) => {
    if (code === 4004) text("link", "this timeline is gone");
    else {
      text("link", "reconnecting…");
      setTimeout(begin, 1000 + 1000 * Math.random());
    }
  });
}

async function begin() {
  try {
    if (streamId === "") {
      const { streams } = await call("GET", "/streams?limit=1000");
      byId("timelines").replaceChildren(
        ...streams.map(({ stream_id: id, mode, current_scene: scene }) => {
          const [item, link] = [document.createElement("li"), document.createElement("a")];
          link.href = `#${encodeURIComponent(id)}`;
          link.textContent = id;
          item.append(link, ` ${mode}${scene === null ? "" : `: ${scene}`}`);
          return item;
        }),
      );
      byId("timelines").hidden = false;
      text("link", streams.length === 0 ? "there is no timeline yet" : "choose a timeline");
      return;
    }
    await drawScenes();
    text("title", streamId);
    byId("show").hidden = false;
    await follow();
  } catch (error) {
    if (error.status === 401) {
      byId("sign-in").hidden = false;
      text("link", "sign in with a key");
    } else if (error.status === undefined) {
      text("link", "reconnecting…");
      setTimeout(begin, 2000);
    } else text("link", error.message);
  }
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    ({ csrfToken } = await call("POST", "/v1/session", { key: byId("key").value }));
    byId("key").value = "";
    byId("sign-in").hidden = true;
    await begin();
  } catch (error) {
    text("link", error.message);
  }
});
addEventListener("hashchange", () => location.reload());
drawControls();
draw();
// A page that was reloaded still has its session.
call("GET", "/v1/session").then(
  (session) => {
    csrfToken = session.csrfToken;
    void begin();
  },
  () => begin(),
);
