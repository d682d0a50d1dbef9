import type { AgentRecord, Grants, Role, SessionRecord } from "@stream-control/protocol";
import { createContext, useContext } from "react";
import type { OrchestratorApi } from "./orchestrator-api.js";

/** Who looks at the page, and the way to the orchestrator as them. */
export interface Visitor {
  api: OrchestratorApi;
  session: SessionRecord;
  signOut: () => void;
}

export const VisitorContext = createContext<Visitor | undefined>(undefined);

export function useVisitor(): Visitor {
  const visitor = useContext(VisitorContext);
  if (visitor === undefined) throw new Error("Nobody is signed in around this component.");
  return visitor;
}

export const useApi = (): OrchestratorApi => useVisitor().api;

const RANK: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 };

/** Whether grants give a role, or a higher one, in a room; in every room where none is named. */
function may(grants: Grants, role: Role, room?: string): boolean {
  const held = [grants["*"], room === undefined ? undefined : grants[room]];
  return held.some((one) => one !== undefined && RANK[one] >= RANK[role]);
}

/** Whether the visitor has a role in a room, and so is shown what takes it. The orchestrator decides in any case. */
export const useMay = (role: Role, room?: string): boolean => may(useVisitor().session.grants, role, room);

/** Whether the visitor has a role in any room. */
export function useMaySomewhere(role: Role): boolean {
  const { grants } = useVisitor().session;
  return Object.keys(grants).some((room) => may(grants, role, room));
}

/** Whether an agent can be asked for something. */
export const canDo = (agent: AgentRecord | undefined, feature: string): boolean =>
  agent?.capabilities.features?.includes(feature) === true;
