import { randomBytes } from "node:crypto";

/** From the command to the agent's handshake. */
export const TICKET_MS = 10_000;

/** Tickets by which agents open the sockets of previews: short-lived, and good for one handshake. */
export class PreviewTickets<For> {
  private readonly known = new Map<string, { what: For; endsAt: number }>();

  /** @param monotonic milliseconds of a clock that never jumps. */
  constructor(private readonly monotonic: () => number) {}

  issue(what: For): string {
    const now = this.monotonic();
    for (const [ticket, { endsAt }] of this.known) if (endsAt <= now) this.known.delete(ticket);
    const ticket = randomBytes(32).toString("base64url");
    this.known.set(ticket, { what, endsAt: now + TICKET_MS });
    return ticket;
  }

  /** What a ticket was issued for; undefined where it is unknown, used or too old. */
  redeem(ticket: string): For | undefined {
    const found = this.known.get(ticket);
    this.known.delete(ticket);
    return found === undefined || found.endsAt <= this.monotonic() ? undefined : found.what;
  }
}
