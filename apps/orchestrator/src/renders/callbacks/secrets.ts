import type { CallbackSecret } from "@stream-control/protocol";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Store, Transaction } from "@stream-control/store";
import type { SealedColumns } from "../../secrets/sealed-columns.js";
import type { Tables } from "../../store/tables.js";
import { newSecret } from "../../webhooks/signature.js";

const TABLE = "callback_secrets";
/** For so long a secret that was replaced signs as well, so that receivers can change over. */
const OVERLAP_MS = 86_400_000;

interface Kept {
  secret: string;
  /** Null for the present one. */
  until: string | null;
}

/** One secret for each room, made when it is needed first: receivers know by it that a callback is ours. */
export class CallbackSecrets {
  constructor(private readonly deps: { store: Store<Tables>; sealed: SealedColumns; log: EventLog; now: () => Date }) {}

  /** Those that sign now, the present one first. */
  async of(room: string): Promise<string[]> {
    return this.good(await this.kept(room)).map(({ secret }) => secret);
  }

  async show(room: string): Promise<CallbackSecret> {
    return this.shown(room, await this.kept(room));
  }

  /** Makes a new one; the present one signs as well for a day. */
  async rotate(room: string): Promise<CallbackSecret> {
    const until = new Date(this.deps.now().getTime() + OVERLAP_MS).toISOString();
    const present = (await this.kept(room)).find((one) => one.until === null);
    const kept = [{ secret: newSecret(), until: null }, ...(present === undefined ? [] : [{ ...present, until }])];
    await this.write(room, kept, "callback_secret.rotated", "The secret that callbacks are signed with was replaced.");
    return this.shown(room, kept);
  }

  private async kept(room: string): Promise<Kept[]> {
    const found = await this.read(this.deps.store.db, room);
    if (found !== undefined) return found;
    const kept = [{ secret: newSecret(), until: null }];
    return this.write(room, kept, "callback_secret.made", "A secret was made that callbacks are signed with.", true);
  }

  /** @param isFirst gives way to one that somebody else made meanwhile. */
  private write(room: string, kept: Kept[], type: string, message: string, isFirst = false): Promise<Kept[]> {
    const { store, sealed, log, now } = this.deps;
    const by = currentCaller();
    return store.write(async (tx) => {
      const there = isFirst ? await this.read(tx, room) : undefined;
      if (there !== undefined) return there;
      const secrets = sealed.sealText(TABLE, "secrets", room, JSON.stringify(kept));
      const row = { secrets, updated_at: now().toISOString() };
      await tx
        .insertInto(TABLE)
        .values({ id: room, ...row })
        .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
        .execute();
      await log.append(tx, { by, subject: `room:${room}`, type, message });
      return kept;
    });
  }

  private async read(db: Pick<Transaction<Tables>, "selectFrom">, room: string): Promise<Kept[] | undefined> {
    const row = await db.selectFrom(TABLE).select("secrets").where("id", "=", room).executeTakeFirst();
    return row && (JSON.parse(this.deps.sealed.openText(TABLE, "secrets", room, row.secrets)) as Kept[]);
  }

  private good(kept: readonly Kept[]): Kept[] {
    const now = this.deps.now().toISOString();
    return kept.filter(({ until }) => until === null || until > now);
  }

  private shown(room: string, kept: readonly Kept[]): CallbackSecret {
    const [present, previous] = this.good(kept);
    return { room, secret: present?.secret ?? "", previous_until: previous?.until ?? null };
  }
}
