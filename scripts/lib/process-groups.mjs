import { listProcesses } from "./processes.mjs";

/**
 * Every process that came out of the services, even when its parent is gone: a runner is detached and outlives its
 * agent, and then nothing but its process group tells where it came from. So the groups are looked up while the
 * parents still live, and remembered.
 */
export class ProcessGroups {
  /** @type {Set<number>} */
  #groups = new Set();
  /** @type {(command: string) => boolean} */
  #isOurs;

  /** @param {(command: string) => boolean} isOurs tells processes of an earlier run that were left behind */
  constructor(isOurs = () => false) {
    this.#isOurs = isOurs;
  }

  /**
   * Takes in a detached child, which leads its own group.
   *
   * @param {number} pid
   */
  add(pid) {
    this.#groups.add(pid);
  }

  /**
   * Looks at the machine again.
   *
   * @returns {import("./processes.mjs").ProcessInfo[]} all members that live
   */
  refresh() {
    const all = listProcesses().filter(({ pid }) => pid !== process.pid);
    const own = new Set(
      all.filter(({ pgid, command }) => this.#groups.has(pgid) || this.#isOurs(command)).map(({ pid }) => pid),
    );
    // Children of members are members, in whichever group they are; repeat until nothing is new.
    for (let before = -1; before !== own.size; ) {
      before = own.size;
      for (const { pid, ppid } of all) if (own.has(ppid)) own.add(pid);
    }
    const members = all.filter(({ pid }) => own.has(pid));
    // A group without members is forgotten, because its number may be given to a stranger.
    this.#groups = new Set(members.map(({ pgid }) => pgid));
    return members;
  }

  /**
   * Sends a signal to every group that has members.
   *
   * @param {NodeJS.Signals} signal
   */
  signal(signal) {
    this.refresh();
    for (const pgid of this.#groups) {
      try {
        process.kill(-pgid, signal);
      } catch {
        // It ended by itself in the meantime.
      }
    }
  }
}
