import { type AgentPayloadInput, buildMessage, parseOrchestratorMessage } from "@stream-control/protocol";

const auth = { token: "dev-shared-token" };
const hello: AgentPayloadInput<"agent.hello"> = { agentId: "ten-lines", name: "Ten lines", version: "1.0.0", auth };
const socket = new WebSocket(process.argv[2] ?? "ws://localhost:8080/agent");
socket.addEventListener("open", () => socket.send(JSON.stringify(buildMessage("agent.hello", hello))));
socket.addEventListener("message", ({ data }) => {
  const read = parseOrchestratorMessage(String(data));
  if (!read.ok || read.message.type !== "orchestrator.assign.start") return;
  const { msgId: correlationId = "", payload } = read.message;
  const { jobId } = payload;
  socket.send(JSON.stringify(buildMessage("agent.assign.ack", { jobId, accepted: true }, { correlationId })));
  socket.send(JSON.stringify(buildMessage("agent.job.stopped", { jobId, status: "STOPPED" })));
});
