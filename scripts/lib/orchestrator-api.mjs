/** A request that takes longer counts as not answered. */
const REQUEST_TIMEOUT_MS = 5000;

/** The demo: a moving test picture with a tone, shown on the orchestrator's page. */
const DEMO_JOB = {
  templateId: "stream-template-1",
  idempotencyKey: "demo",
  restartPolicy: "onFailure",
  requestedBy: "pnpm start",
  streamContext: { context: "Demo", drawNumber: 1, sheet: "A", team1: "Team Red", team2: "Team Yellow" },
};

/** @typedef {{ id: string, state: string }} Agent */
/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} status
 * @property {string | null} pendingReason
 * @property {{ message: string } | null} error
 */

/** The few requests that the scripts make. */
export class OrchestratorApi {
  #base;

  /** @param {string} base such as `http://127.0.0.1:8080` */
  constructor(base) {
    this.#base = base;
  }

  /** @returns {Promise<true | undefined>} undefined while it does not answer with 200 */
  async isHealthy() {
    try {
      return (await this.#fetch("/healthz")).ok ? true : undefined;
    } catch {
      return undefined; // It does not listen yet.
    }
  }

  /** @returns {Promise<Agent[]>} */
  agents() {
    return this.#json("/v1/agents");
  }

  /** @returns {Promise<Job[]>} */
  jobs() {
    return this.#json("/v1/jobs");
  }

  /**
   * @param {string} id
   * @returns {Promise<Job>}
   */
  job(id) {
    return this.#json(`/v1/jobs/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<Job>} */
  submitDemo() {
    return this.submit(DEMO_JOB);
  }

  /**
   * @param {object} job body of `POST /v1/jobs`
   * @returns {Promise<Job>}
   */
  submit(job) {
    return this.#json("/v1/jobs", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(job),
    });
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   */
  async #json(path, init) {
    const response = await this.#fetch(path, init);
    const body = await response.text();
    if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${path} was answered with ${response.status}: ${body}`);
    return JSON.parse(body);
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   */
  #fetch(path, init) {
    return fetch(this.#base + path, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  }
}
