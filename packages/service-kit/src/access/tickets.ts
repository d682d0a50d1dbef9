import { hash, randomBytes } from "node:crypto";
import type { Ticket } from "@stream-control/protocol";
import type { Store } from "@stream-control/store";
import type { AccessTables } from "./tables.js";

/** Long enough to open a socket on a slow line. */
const LIFETIME_MS = 30_000;

/** What a ticket stands for. */
export interface TicketHolder {
  principalId: string;
  sessionHash: string | null;
}

/**
 * Tickets for sockets of browsers, which can't send an `Authorization` header: short-lived and good for one handshake,
 * so that what stands in an address, a log or a history is worth nothing.
 */
export class Tickets {
  constructor(
    private readonly store: Store<AccessTables>,
    private readonly now: () => Date,
  ) {}

  async issue({ principalId, sessionHash }: TicketHolder): Promise<Ticket> {
    const ticket = randomBytes(32).toString("base64url");
    const nowMs = this.now().getTime();
    await this.store.write(async (tx) => {
      await tx.deleteFrom("access_tickets").where("expires_at", "<", new Date(nowMs).toISOString()).execute();
      await tx
        .insertInto("access_tickets")
        .values({
          hash: hashTicket(ticket),
          principal_id: principalId,
          session_hash: sessionHash,
          expires_at: new Date(nowMs + LIFETIME_MS).toISOString(),
        })
        .execute();
    });
    return { ticket, expiresInMs: LIFETIME_MS };
  }

  /** Takes a ticket in; undefined for one that is unknown, used or too old. */
  async redeem(ticket: string): Promise<TicketHolder | undefined> {
    if (!/^[\w-]{43}$/.test(ticket)) return undefined;
    const row = await this.store.write((tx) =>
      tx.deleteFrom("access_tickets").where("hash", "=", hashTicket(ticket)).returningAll().executeTakeFirst(),
    );
    if (row === undefined || this.now().getTime() >= Date.parse(row.expires_at)) return undefined;
    return { principalId: row.principal_id, sessionHash: row.session_hash };
  }
}

const hashTicket = (ticket: string): string => hash("sha256", ticket, "base64url");
