import { isSecretName, secretsOf } from "@stream-control/protocol";

/** A command line that anybody on the machine may read, and what it leaves to files that only this user may. */
export interface Concealed {
  arguments: string[];
  /** By the path that the arguments name. */
  files: ReadonlyMap<string, string>;
}

/** Schemes of inputs whose demuxers lose nothing behind a script. HTTP is none: behind it a file has no length. */
const SCRIPTED = /^(?:rtsps?|rtmps?|srt):\/\//i;

/**
 * Takes keys, passphrases and passwords out of a command line, since `ps` shows it to every user of the machine: those of
 * an input go into a script for the concat demuxer, with all the options that open it; those of an output into a file of
 * options for `-fpre`. What is left, because ffmpeg reads it from nowhere else: secrets in the addresses of HTTP inputs,
 * and user and password in an RTMP output's address.
 *
 * @param fileNamed gives the path of a file that is still to be made.
 * @throws RangeError where a secret has a line break, which would begin another option.
 */
export function concealArguments(given: readonly string[], fileNamed: (number: number) => string): Concealed {
  const files = new Map<string, string>();
  const hide = (text: string): string => {
    const file = fileNamed(files.size);
    files.set(file, text);
    return file;
  };
  const inputs = concealInputs(given, hide);
  return { arguments: concealOutput(inputs, hide), files };
}

type Hide = (text: string) => string;

function concealInputs(given: readonly string[], hide: Hide): string[] {
  const shown: string[] = [];
  for (let at = 0; at < given.length; at += 1) {
    const [option = "", address = ""] = given.slice(at, at + 2);
    shown.push(option);
    if (option !== "-i" || !SCRIPTED.test(address)) continue;
    // Whatever opens an input begins with what it may open; before it stand options of ffmpeg's own.
    const start = shown.lastIndexOf("-protocol_whitelist");
    const opening = pairs(shown.slice(start, -1));
    if (start < 0 || secretsOf([address, Object.fromEntries(opening)]).length === 0) continue;
    const script = [["file", address], ...opening.map(([name, value]) => [`option ${name.slice(1)}`, value])];
    const text = script.map(([directive, value = ""]) => `${directive} ${quoted(value)}\n`).join("");
    const file = hide(`ffconcat version 1.0\n${text}`);
    // The script's own list, which is among its options, holds for what it names.
    shown.splice(
      start,
      shown.length,
      "-f",
      "concat",
      "-safe",
      "0",
      "-protocol_whitelist",
      "file",
      "-i",
      `file:${file}`,
    );
    at += 1;
  }
  return shown;
}

function pairs(words: readonly string[]): [string, string][] {
  return words.flatMap((word, index): [string, string][] => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : []));
}

/** As libavformat's concat demuxer reads it. */
const quoted = (value: string) => `'${oneLine(value).replaceAll("'", "'\\''")}'`;

function concealOutput(given: string[], hide: Hide): string[] {
  const address = given.at(-1) ?? "";
  const target = /^rtmps?:/i.test(address)
    ? rtmpTarget(address)
    : /^srt:/i.test(address)
      ? srtTarget(address)
      : undefined;
  if (target === undefined) return given;
  const shown = given.slice(0, -1);
  const options = [...target.options];
  const passphrase = shown.lastIndexOf("-passphrase");
  if (passphrase > shown.lastIndexOf("-i")) {
    // As ffmpeg does: what stands in the address counts more.
    if (!options.some(([name]) => name === "passphrase")) options.push(["passphrase", shown[passphrase + 1] ?? ""]);
    shown.splice(passphrase, 2);
  }
  if (options.length === 0) return given;
  const file = hide(options.map(([name, value]) => `${name}=${oneLine(value)}\n`).join(""));
  return [...shown, "-fpre", file, target.address];
}

interface Target {
  /** What may be seen. */
  address: string;
  options: [name: string, value: string][];
}

/** What ffmpeg keeps of each, in bytes (`APP_MAX_LENGTH`, `PLAYPATH_MAX_LENGTH` of libavformat/rtmpproto.c). */
const MAX_APP_BYTES = 127;
const MAX_PLAYPATH_BYTES = 511;

/** The application and the stream's name apart from the address, cut as ffmpeg itself would cut them (`rtmp_open`). */
function rtmpTarget(address: string): Target | undefined {
  const [, server = "", path = ""] = /^([a-z]+:\/\/[^/?#]*)\/(.*)$/is.exec(address) ?? [];
  const [application, stream] = rtmpPath(path);
  // An application alone is nothing secret, unless something is asked of it.
  if (server === "" || (stream === "" && !application.includes("?"))) return undefined;
  const options: Target["options"] = [["rtmp_app", atMost(application, MAX_APP_BYTES)]];
  if (stream === "") return { address: `${server}/`, options };
  options.push(["rtmp_playpath", atMost(playpath(stream), MAX_PLAYPATH_BYTES)]);
  return { address: `${server}/${/^[^/?#]*/.exec(path)?.[0] ?? ""}`, options };
}

function rtmpPath(path: string): [application: string, stream: string] {
  if (path.startsWith("ondemand/")) return ["ondemand", path.slice("ondemand/".length)];
  const first = path.indexOf("/");
  if (first < 0) return [path, ""];
  const second = path.indexOf("/", first + 1);
  const colon = path.indexOf(":", first + 1);
  const end = second < 0 || (colon >= 0 && colon < second) ? first : second;
  return [path.slice(0, end), path.slice(end + 1)];
}

const playpath = (stream: string): string =>
  /\.(?:f4v|mp4)$/.test(stream) ? `mp4:${stream}` : stream.replace(/\.flv$/, "");

const atMost = (text: string, bytes: number) => Buffer.from(text).subarray(0, bytes).toString();

/** The query without what is secret; SRT knows each of its parameters as an option too. */
function srtTarget(address: string): Target {
  const at = address.indexOf("?");
  if (at < 0) return { address, options: [] };
  const options: Target["options"] = [];
  const shown = address
    .slice(at + 1)
    .split("&")
    .filter((pair) => {
      const [name = "", ...rest] = pair.split("=");
      const value = rest.join("=").replaceAll("+", " ");
      if (name === "passphrase") options.push([name, value]);
      else if (name === "streamid" || name === "srt_streamid") options.push(["streamid", percentDecoded(value)]);
      // Whatever else is secret by its name is none of ffmpeg's options, and would not be read.
      else return !isSecretName(name);
      return false;
    });
  const query = shown.length === 0 ? "" : `?${shown.join("&")}`;
  return { address: `${address.slice(0, at)}${query}`, options: options.filter(([, value]) => value !== "") };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function oneLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new RangeError("An option of ffmpeg must not hold a line break.");
  return value;
}
