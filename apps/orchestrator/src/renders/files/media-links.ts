import { AppError } from "@stream-control/service-kit";
import type { KeyRing } from "@stream-control/service-kit/secrets";
import { z } from "zod";

const PURPOSE = "media link";

const linkQuery = z.object({
  expires: z.string().regex(/^\d{1,12}$/),
  key: z.string().regex(/^[0-9a-f]{16}$/),
  signature: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/** Whether somebody shows a link, good or not. */
export const isLink = (query: Record<string, unknown>): boolean => query.signature !== undefined;

/** Addresses below `/media` that are good for whoever has them, for a while: they carry their end and a code of both. */
export class MediaLinks {
  constructor(
    private readonly ring: KeyRing,
    private readonly seconds: number,
    private readonly now: () => Date,
  ) {}

  /** @param path below `/media`, as it stands in an address. @returns the same with its query. */
  sign(path: string): string {
    const expires = Math.floor(this.now().getTime() / 1000) + this.seconds;
    const { keyId, code } = this.ring.authenticate(signed(path, `${expires}`), PURPOSE);
    return `${path}?expires=${expires}&key=${keyId}&signature=${code}`;
  }

  /** @throws AppError `LINK_INVALID`, `LINK_EXPIRED`. */
  check(path: string, query: unknown): void {
    const parsed = linkQuery.safeParse(query);
    if (!parsed.success) throw invalid();
    const { expires, key: keyId, signature: code } = parsed.data;
    if (!this.ring.isAuthentic(signed(path, expires), PURPOSE, { keyId, code })) throw invalid();
    if (Number(expires) * 1000 <= this.now().getTime())
      throw new AppError("LINK_EXPIRED", "This link has expired; the status of the render has a new one.");
  }
}

const signed = (path: string, expires: string): string => `${path}\n${expires}`;

const invalid = (): AppError =>
  new AppError("LINK_INVALID", "This link is not whole, or was changed; take it as the status of the render has it.");
