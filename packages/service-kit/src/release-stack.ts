import { toError } from "./errors.js";

/**
 * What has been acquired and must be given back: each resource registers its release the moment it exists, and
 * `release` runs them last in, first out. A release that fails does not keep the others from running.
 */
export class ReleaseStack {
  private readonly releases: { name: string; release: () => Promise<void> | void }[] = [];
  private running: Promise<void> | undefined;

  add(name: string, release: () => Promise<void> | void): void {
    this.releases.push({ name, release });
  }

  /**
   * Runs every release once; a second call waits for the first.
   *
   * @throws the first error, named after its resource, after all have run.
   */
  release(): Promise<void> {
    this.running ??= this.run();
    return this.running;
  }

  private async run(): Promise<void> {
    let first: Error | undefined;
    for (let entry = this.releases.pop(); entry !== undefined; entry = this.releases.pop()) {
      try {
        await entry.release();
      } catch (thrown) {
        first ??= new Error(`${entry.name} did not stop: ${toError(thrown).message}`, { cause: thrown });
      }
    }
    if (first !== undefined) throw first;
  }
}
