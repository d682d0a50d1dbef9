// What is shown over a stream, for a browser source: team names, score, period and clock of the sheet in the address,
// `/overlay/A`. `?room=` names its room, `?place=` a corner, `?scale=` a size, `?theme=light` dark letters on a light ground. With
// `?session`, a room that is not public is shown to whoever is signed in in this browser.
import { follow, socketOn } from "/live.js";

const PLACES = ["top-left", "top-right", "bottom-left", "bottom-right"];
const SECOND = 1000;
const query = new URLSearchParams(location.search);
const sheet = decodeURIComponent(location.pathname.split("/").at(-1));
const part = (id) => document.getElementById(id);
/** By how much the orchestrator's clock is ahead of this machine's, in milliseconds. */
let aheadMs = 0;
let clock = { mode: "none", at: null };

document.body.dataset.place = PLACES.includes(query.get("place")) ? query.get("place") : PLACES[0];
document.body.dataset.theme = query.get("theme") === "light" ? "light" : "dark";
const scale = Number(query.get("scale"));
if (scale >= 0.25 && scale <= 4) document.documentElement.style.setProperty("--scale", String(scale));

follow(
  address,
  ({ type, ts, payload }) => {
    if (type !== "overlay.update") return;
    aheadMs = Date.parse(ts) - Date.now();
    show(payload);
  },
  () => undefined,
);
setInterval(tick, SECOND / 4);

async function address() {
  const asked = new URLSearchParams({ sheet });
  if (query.has("room")) asked.set("room", query.get("room"));
  if (query.has("session")) {
    const session = await fetch("/v1/session");
    const { csrfToken } = session.ok ? await session.json() : {};
    const headers = { "X-CSRF-Token": csrfToken };
    const ticket = csrfToken == null ? undefined : await fetch("/v1/tickets", { method: "POST", headers });
    if (ticket?.ok) asked.set("ticket", (await ticket.json()).ticket);
  }
  return socketOn(`/overlay-ws?${asked}`);
}

function show({ title, red, yellow, shownNames, period, clock: wanted, visible }) {
  part("overlay").hidden = !visible;
  part("title").textContent = title;
  part("period").textContent = period;
  clock = wanted;
  showTeam("red", red, shownNames.red);
  showTeam("yellow", yellow, shownNames.yellow);
  tick();
}

function showTeam(id, { color, score }, name) {
  const row = part(id);
  row.hidden = name === "" && score === "";
  row.querySelector(".name").textContent = name;
  row.querySelector(".score").textContent = score;
  row.style.setProperty("--team", color);
  row.style.setProperty("--on-team", isLight(color) ? "#000000" : "#ffffff");
}

function tick() {
  const text = clockText();
  if (part("clock").textContent !== text) part("clock").textContent = text;
  part("foot").hidden = text === "" && part("period").textContent === "";
}

function clockText() {
  const now = Date.now() + aheadMs;
  if (clock.mode === "time") return new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (clock.mode === "up") return duration(Math.floor((now - Date.parse(clock.at)) / SECOND));
  if (clock.mode === "down") return duration(Math.ceil((Date.parse(clock.at) - now) / SECOND));
  return "";
}

/** Seconds as `4:05` or `1:04:05`; none before the beginning or after the end. */
function duration(seconds) {
  const left = Math.max(0, seconds);
  const [hours, minutes] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  const rest = String(left % 60).padStart(2, "0");
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}

/** Whether black is easier to read on the colour than white (WCAG 2.2, relative luminance). */
function isLight(color) {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
}
