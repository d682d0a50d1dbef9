import { YOUTUBE_PRIVACIES, type YouTubePrivacy } from "@stream-control/protocol";
import type { Store } from "@stream-control/store";
import type { Tables } from "../../store/tables.js";

const NAME = "stream-privacy";

/** Who sees new broadcasts: what an operator has set, or what the environment says. */
export class PrivacySetting {
  constructor(
    private readonly store: Store<Tables>,
    private readonly initial: YouTubePrivacy,
  ) {}

  async get(): Promise<YouTubePrivacy> {
    const row = await this.store.db
      .selectFrom("youtube_settings")
      .select("value")
      .where("name", "=", NAME)
      .executeTakeFirst();
    return YOUTUBE_PRIVACIES.find((privacy) => privacy === row?.value) ?? this.initial;
  }

  async set(value: YouTubePrivacy): Promise<void> {
    await this.store.write((tx) =>
      tx
        .insertInto("youtube_settings")
        .values({ name: NAME, value })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
        .execute(),
    );
  }
}
