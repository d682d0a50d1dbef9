import { afterEach, expect, test } from "@jest/globals";
import { CertificateAuthority, secret } from "@stream-control/test-kit";
import type { AgentClient, ClientTls } from "../src/index.js";
import { OrchestratorDouble, type OrchestratorDoubleOptions } from "../src/testing.js";
import { FAST, LogLines, recordingAgent, until } from "./helpers.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function orchestrator(options: OrchestratorDoubleOptions = {}) {
  const double = await OrchestratorDouble.listen(options);
  cleanups.push(() => double.close());
  return double;
}

function started({ client }: { client: AgentClient }) {
  cleanups.push(() => client.stop());
  client.start();
  return client;
}

/** After a refusal nothing but a new credential brings an agent back within the time of a test. */
const PATIENT = { ...FAST, refusedMs: 600_000 };

test("a token is asked for at each connection, and a refused one is looked at again until it is another", async () => {
  const [old, fresh] = [secret("agent-token"), secret("agent-token")];
  const double = await orchestrator({ token: old });
  let inFile = old;
  let asked = 0;
  const log = new LogLines();
  const token = () => {
    asked += 1;
    return inFile;
  };
  const agent = recordingAgent(double.url, { token, logger: log, reconnect: PATIENT });
  const client = started(agent);
  await until(() => client.online, "online with the first token");
  double.assign("job-1");
  await double.next("agent.assign.ack", ({ jobId }) => jobId === "job-1");

  double.token = fresh;
  double.closeAll(4001, "the token was revoked");
  await until(() => asked > 10, "the token is looked at again and again");
  expect(double.connectedAt).toHaveLength(1);
  expect(client.activeJobs).toEqual([{ jobId: "job-1", epoch: 1 }]);

  inFile = fresh;
  await until(() => client.online, "online with the second token");
  const hellos = double.received.filter(({ type }) => type === "agent.hello");
  expect(hellos.at(-1)?.payload).toMatchObject({ activeJobs: [{ jobId: "job-1" }] });
  expect(JSON.stringify(log.lines)).not.toMatch(new RegExp(`${old}|${fresh}`));
});

test("credentials that cannot be had are told in the log, and asked for again", async () => {
  const double = await orchestrator();
  const log = new LogLines();
  let isThere = false;
  const token = async () => {
    if (!isThere) throw new Error("AGENT_TOKEN_FILE can't be read (ENOENT)");
    return "there";
  };
  const client = started(recordingAgent(double.url, { token, logger: log }));
  await until(() => log.lines.length > 2, "several tries");
  expect(log.lines[0]).toMatchObject({ level: "warn", fields: { reason: "AGENT_TOKEN_FILE can't be read (ENOENT)" } });
  expect(double.connectedAt).toEqual([]);
  isThere = true;
  await until(() => client.online, "online");
});

test("an agent that is stopped while it asks for its credentials does not connect any more", async () => {
  const double = await orchestrator();
  const answer = Promise.withResolvers<string>();
  const { client } = recordingAgent(double.url, { token: () => answer.promise });
  client.start();
  await client.stop();
  answer.resolve("late");
  const other = started(recordingAgent(double.url, { agentId: "agent-2" }));
  await until(() => other.online, "another agent online");
  expect(double.received.map(({ payload }) => payload)).toMatchObject([{ agentId: "agent-2" }]);
});

test("on a wss: connection the orchestrator must be the one that the agent knows", async () => {
  const authority = await CertificateAuthority.create();
  const { cert, key } = await authority.issue({ commonName: "orchestrator" });
  const double = await orchestrator({ tls: { cert, key } });
  const log = new LogLines();
  let tls: ClientTls = {};
  const client = started(recordingAgent(double.url, { tls: () => tls, logger: log }));
  const told = (words: string) => until(() => JSON.stringify(log.lines).includes(words), words);
  await told("by an authority that this agent does not know");
  tls = { ca: (await CertificateAuthority.create("Another")).cert };
  await told("does not know");
  tls = { ca: authority.cert, cert };
  await told("a client certificate and its key go together");
  tls = { ca: "no PEM", cert, key };
  await told("no PEM texts that belong together");
  expect(double.received).toEqual([]);
  tls = { ca: authority.cert };
  await until(() => client.online, "online with the right authority");
});
