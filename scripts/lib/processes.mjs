import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * @typedef {object} ProcessInfo
 * @property {number} pid
 * @property {number} ppid
 * @property {number} pgid the process group: what a detached child leads, and what its own children stay in
 * @property {string} command the whole command line
 */

/**
 * Every living process that this user may see; those that have ended and only wait to be collected are left out.
 *
 * @returns {ProcessInfo[]}
 */
export const listProcesses = () => (process.platform === "linux" ? fromProc() : fromPs());

/** @returns {ProcessInfo[]} */
function fromProc() {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = parseStat(readFileSync(`/proc/${name}/stat`, "utf8"));
      if (stat === undefined) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return [{ ...stat, command }];
    } catch {
      return []; // It ended between the listing and the reading.
    }
  });
}

/**
 * Reads `/proc/<pid>/stat`. The name in parentheses may itself hold blanks and parentheses (proc_pid_stat(5)).
 *
 * @param {string} stat
 * @returns {Omit<ProcessInfo, "command"> | undefined} undefined for a zombie
 */
export function parseStat(stat) {
  const [state, ppid, pgid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { pid: Number.parseInt(stat, 10), ppid: Number(ppid), pgid: Number(pgid) };
}

/** @returns {ProcessInfo[]} */
function fromPs() {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat=,args="], { encoding: "utf8" });
  return parsePs(stdout ?? "");
}

/**
 * @param {string} table what `ps -A -o pid=,ppid=,pgid=,stat=,args=` prints
 * @returns {ProcessInfo[]}
 */
export function parsePs(table) {
  return table.split("\n").flatMap((line) => {
    const [, pid, ppid, pgid, state, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    if (state === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), command: command ?? "" }];
  });
}
