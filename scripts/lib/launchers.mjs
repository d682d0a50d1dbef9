import { listProcesses } from "./processes.mjs";

const LOOK_EVERY_MS = 1000;
const LAUNCHER = /(^|[/\s'"])(npm|npx|pnpm)(@|\s|$|['"]|\.[cm]?js)/;
const SHELL = /^(\S*\/)?(ba|da|z)?sh -c\s/;

/**
 * The npm, npx and pnpm processes that this one was started through, nearest first, with the shells between them.
 *
 * @param {readonly import("./processes.mjs").ProcessInfo[]} processes
 * @param {number} parent
 * @returns {number[]} process ids
 */
export function launchersOf(processes, parent) {
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  /** @type {number[]} */
  const chain = [];
  let upTo = 0;
  for (let one = byPid.get(parent); one !== undefined; one = byPid.get(one.ppid)) {
    // A shell's command line holds what it was told to run.
    const isShell = SHELL.test(one.command);
    const isLauncher = !isShell && LAUNCHER.test(one.command);
    if (!isLauncher && !isShell) break;
    chain.push(one.pid);
    if (isLauncher) upTo = chain.length;
  }
  return chain.slice(0, upTo);
}

/**
 * Tells when one of the launchers has gone: npx passes no signal on when it is terminated alone, and what it started
 * would run on unseen.
 *
 * @param {() => void} onGone called once
 * @returns {() => void} ends the watch
 */
export function watchLaunchers(onGone) {
  const launchers = launchersOf(listProcesses(), process.ppid);
  if (launchers.length === 0) return () => {};
  const timer = setInterval(() => {
    const alive = new Set(listProcesses().map(({ pid }) => pid));
    if (launchers.every((pid) => alive.has(pid))) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
