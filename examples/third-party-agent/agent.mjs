// An agent in plain JavaScript that uses nothing but `ws`. Its "stream" is a timer: replace `run` by your own work.
//
//   node agent.mjs ws://localhost:8080/agent dev-shared-token
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";

const [url = "ws://localhost:8080/agent", token = "dev-shared-token"] = process.argv.slice(2);
const jobs = new Map();

connect();

function connect() {
  const socket = new WebSocket(url);
  let heartbeat;
  const send = (type, payload, correlationId) =>
    socket.send(JSON.stringify({ type, msgId: randomUUID(), ts: new Date().toISOString(), correlationId, payload }));

  socket.on("open", () => {
    const [jobId] = jobs.keys();
    send("agent.hello", {
      agentId: "example-agent",
      name: "Example agent",
      version: "1.0.0",
      capabilities: { slots: 1 },
      drain: false,
      activeJob: jobId === undefined ? null : { jobId, status: "RUNNING" },
      auth: { token },
    });
  });

  socket.on("message", (data) => {
    const { type, msgId, payload } = JSON.parse(data.toString());
    const { jobId } = payload ?? {};
    switch (type) {
      case "orchestrator.hello.ok":
        heartbeat = setInterval(() => send("agent.heartbeat", {}), payload.heartbeatIntervalMs);
        break;
      case "orchestrator.assign.start":
        send("agent.assign.ack", { jobId, accepted: jobs.size === 0 || jobs.has(jobId) }, msgId);
        if (jobs.size > 0) break;
        run(jobId, payload.config);
        send("agent.job.update", { jobId, status: "RUNNING" });
        break;
      case "orchestrator.job.mute":
        send("agent.job.mute", { jobId, success: jobs.has(jobId) }, msgId);
        break;
      case "orchestrator.job.unmute":
        send("agent.job.unmute", { jobId, success: jobs.has(jobId) }, msgId);
        break;
      case "orchestrator.job.stop":
      case "orchestrator.job.kill":
        clearInterval(jobs.get(jobId));
        jobs.delete(jobId);
        send("agent.job.update", { jobId, status: "STOPPED" });
        break;
    }
  });

  socket.on("error", (error) => console.error(error.message));
  socket.on("close", (code, reason) => {
    clearInterval(heartbeat);
    console.log(`connection closed (${code} ${reason}), trying again`);
    // Up to five seconds, at random: many agents that lost the orchestrator must not come back in one moment.
    setTimeout(connect, 500 + Math.random() * 4500);
  });
}

function run(jobId, config) {
  console.log(`job ${jobId} runs with the config ${Object.keys(config).join(", ")}`);
  jobs.set(
    jobId,
    setInterval(() => console.log(`job ${jobId} goes on`), 1000),
  );
}
