import type { Role } from "@stream-control/protocol";
import type { Request } from "express";

/**
 * Finds the room of what a request is about; undefined where there is no such thing, which the handler says. It must not
 * throw for what a body lacks: the handler says that too.
 */
export type RoomOf = (request: Request) => string | undefined | Promise<string | undefined>;

/** Who may call a route. Every route has one; a handler never sees a caller whom its rule refuses. */
export type Rule =
  /** Anybody. */
  | { readonly kind: "open" }
  /** Whoever has shown who they are. */
  | { readonly kind: "signed-in" }
  /** Whoever has the role in any room; the handler answers with what those rooms have. */
  | { readonly kind: "somewhere"; readonly role: Role }
  /** Whoever has the role in every room: for what belongs to none. */
  | { readonly kind: "everywhere"; readonly role: Role }
  /** Whoever has the role in the room of what the request is about. */
  | { readonly kind: "room"; readonly role: Role; readonly roomOf: RoomOf };

/** A rule that asks for somebody. */
export type ClosedRule = Exclude<Rule, { kind: "open" }>;

export const open: Rule = { kind: "open" };
export const signedIn: Rule = { kind: "signed-in" };
export const somewhere = (role: Role): ClosedRule => ({ kind: "somewhere", role });
export const everywhere = (role: Role): Rule => ({ kind: "everywhere", role });
export const inRoom = (role: Role, roomOf: RoomOf): Rule => ({ kind: "room", role, roomOf });

/** A rule in words, for tables. */
export function describeRule(rule: Rule): string {
  switch (rule.kind) {
    case "open":
      return "anybody";
    case "signed-in":
      return "signed in";
    case "somewhere":
      return `${rule.role} in any room`;
    case "everywhere":
      return `${rule.role} in every room`;
    case "room":
      return `${rule.role} in its room`;
  }
}
