import type { JsonObject, RenderRequest } from "@stream-control/protocol";
import type { StepContext } from "../../workflows/kind.js";

/** What a run of a render is started with. */
export interface RenderInput extends JsonObject {
  /** With the client's id, or the one that was made. */
  request: RenderRequest & { id: string };
  /** Address of the service as the client knows it. */
  base: string;
}

/** The request as agents are given it: how it is carried out, and where its end is told, is nothing that they have to know. */
export async function requestForAgents({ input }: Pick<StepContext, "input">): Promise<RenderInput["request"]> {
  const { request } = (await input()) as RenderInput;
  const { template: _template, callback_url: _callback, webhook_url: _webhook, ...rest } = request;
  return rest;
}
