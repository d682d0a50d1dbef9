// The streams that anybody may see, for a club's own page: it follows /status-ws. `?sheet=A` (or `A,B`) and `?room=` choose,
// `?theme=light` or `dark` overrules what the viewer's system prefers.
import { follow, socketOn } from "/live.js";

const query = new URLSearchParams(location.search);
const wanted = (name) => {
  const values = query.getAll(name).flatMap((value) => value.split(","));
  return values.length === 0 ? () => true : (value) => values.includes(value);
};
const isSheet = wanted("sheet");
const isRoom = wanted("room");
const state = document.getElementById("state");
const list = document.getElementById("streams");
const theme = query.get("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
let drawn = "";

follow(
  () => socketOn("/status-ws"),
  ({ type, payload }) => {
    if (type !== "status.update") return;
    const streams = payload.streams.filter(({ sheet, room }) => isSheet(sheet) && isRoom(room));
    state.textContent = streams.length === 0 ? "No stream is live right now." : "";
    // What is the same is not drawn again: whoever is on a link with the keyboard stays there.
    const text = JSON.stringify(streams);
    if (text === drawn) return;
    drawn = text;
    list.replaceChildren(...streams.map(itemOf));
  },
  (isLive) => {
    if (!isLive) state.textContent = "The list is away; trying again…";
  },
);

function itemOf({ sheet, title, publicLink, startTime, team1, team2 }) {
  const item = document.createElement("li");
  const heading = item.appendChild(document.createElement("h2"));
  const name = title ?? (sheet === null ? "Live stream" : `Sheet ${sheet}`);
  if (publicLink !== null && /^https?:/.test(publicLink)) {
    const link = heading.appendChild(document.createElement("a"));
    Object.assign(link, { href: publicLink, target: "_blank", rel: "noopener noreferrer", textContent: name });
  } else heading.textContent = name;
  const time = startTime === null ? undefined : new Date(startTime);
  const facts = [
    sheet === null ? undefined : `Sheet ${sheet}`,
    team1 === null || team2 === null ? (team1 ?? team2 ?? undefined) : `${team1} v. ${team2}`,
    time === undefined ? undefined : `from ${time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`,
  ].filter((fact) => fact !== undefined);
  item.appendChild(document.createElement("p")).textContent = facts.join(" · ");
  return item;
}
