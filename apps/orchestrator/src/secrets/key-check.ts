import { ConfigError } from "@stream-control/service-kit";
import type { KeyRing } from "@stream-control/service-kit/secrets";
import { type Kysely, sql } from "@stream-control/store";

/** What every key has sealed once, for its own place: who can open it has the key. */
const CHECK_TEXT = "stream-control";
const placeOf = (keyId: string) => `sealing_keys.check_text/${keyId}`;

/** Notes that the ring's first key seals from now on. */
export async function announceKey<Tables>(db: Kysely<Tables>, ring: KeyRing, now: Date): Promise<void> {
  const { sealingKeyId } = ring;
  const check = ring.seal(CHECK_TEXT, placeOf(sealingKeyId));
  await sql`insert into sealing_keys (key_id, check_text, since) values (${sealingKeyId}, ${check}, ${now.toISOString()})
    on conflict (key_id) do nothing`.execute(db);
}

/** Forgets all keys but the ring's first: nothing is sealed with them any more. */
export async function forgetOtherKeys<Tables>(db: Kysely<Tables>, { sealingKeyId }: KeyRing): Promise<void> {
  await sql`delete from sealing_keys where key_id <> ${sealingKeyId}`.execute(db);
}

/**
 * Makes sure that every key that has sealed something here is in the ring.
 *
 * @returns the ids of all of them, the oldest first.
 * @throws ConfigError that says which key is missing and what to do.
 */
export async function checkKeys<Tables>(db: Kysely<Tables>, ring: KeyRing, file: string): Promise<string[]> {
  const { rows } = await sql<{ key_id: string; check_text: string }>`
    select key_id, check_text from sealing_keys order by since`.execute(db);
  for (const { key_id, check_text } of rows) {
    if (!ring.keyIds.includes(key_id))
      throw new ConfigError(
        `The secrets in ${file} are encrypted with the key ${key_id}, and what is given is ${ring.keyIds.join(", ")}. ` +
          "Give that key in SECRETS_KEY, in SECRETS_KEY_FILE or as DATA_DIR/secrets.key, behind the first one where it is to be replaced. " +
          "Without it they cannot be read; an empty DATA_DIR begins anew.",
      );
    if (ring.open(check_text, placeOf(key_id)) !== CHECK_TEXT) throw new Error("A check value is not what was sealed.");
  }
  return rows.map(({ key_id }) => key_id);
}
