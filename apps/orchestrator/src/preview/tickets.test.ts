import { expect, test } from "@jest/globals";
import { PreviewTickets, TICKET_MS } from "./tickets.js";

test("a ticket counts once, and for some seconds", () => {
  let now = 0;
  const tickets = new PreviewTickets<string>(() => now);
  const [once, late] = [tickets.issue("a"), tickets.issue("b")];
  expect([tickets.redeem(once), tickets.redeem(once), tickets.redeem("x")]).toEqual(["a", undefined, undefined]);
  now = TICKET_MS;
  expect(tickets.redeem(late)).toBeUndefined();
});
