import { describe, expect, test } from "@jest/globals";
import { TitleMaker } from "./titles.js";
import { problemOfWording } from "./wording.js";

const titles = new TitleMaker({ locale: "en-US", timeZone: "UTC" });
const GAME_DAY = new Date("2024-09-17T19:05:00Z");

describe("titles and descriptions", () => {
  test("of a full context are those that deployed pages know", () => {
    const context = { context: "Tournament", drawNumber: 3, sheet: "A", team1: "Team Alpha", team2: "Team Beta" };
    expect(titles.title(context, GAME_DAY)).toBe("Tournament - Draw 3 - Sheet A (Team Alpha v. Team Beta) - 9/17/2024");
    expect(titles.description(context)).toBe(
      "This is an automated live stream created by the Stream Control system. Streaming tournament. Watch Team Alpha vs Team Beta live! Catch all the action from Sheet A. Join us for an exciting broadcast!",
    );
  });

  test("of no context tell the moment", () => {
    expect(titles.title(null, new Date("2024-12-25T14:30:00Z"))).toBe("Live Stream - Dec 25, 2:30 PM");
    expect(titles.description(undefined)).toBe(
      "This is an automated live stream created by the Stream Control system. Join us for an exciting broadcast!",
    );
  });

  test("of a partial context leave out what is not known", () => {
    expect(titles.title({ context: "League" }, GAME_DAY)).toBe("League - 9/17/2024");
    expect(titles.title({ context: "League", drawNumber: 0, team1: "Reds" }, GAME_DAY)).toBe(
      "League - Draw 0 (Reds) - 9/17/2024",
    );
    expect(titles.description({ context: "League", team1: "Reds" })).not.toContain("Watch");
  });

  test("use the time zone and the locale that were asked for", () => {
    const berlin = new TitleMaker({ locale: "de-DE", timeZone: "Europe/Berlin" });
    expect(berlin.title({ context: "Liga" }, new Date("2024-09-17T23:30:00Z"))).toBe("Liga - 18.9.2024");
  });

  test("use the wording that was asked for, and leave out groups of which something is not known", () => {
    const wording = {
      title: "{context}[ · Bahn {sheet}][ · {team1} gegen {team2}] ({date})",
      description: "Heute: {contextLower}.[ {teams}]",
      titleWithoutContext: "Live, {date}",
    };
    const german = new TitleMaker({ locale: "de-DE", timeZone: "UTC", wording });
    const full = { context: "Pokal", sheet: "A", team1: "[Rot]", team2: "{Gelb}" };
    expect(german.title(full, GAME_DAY)).toBe("Pokal · Bahn A · [Rot] gegen {Gelb} (17.9.2024)");
    expect(german.title({ context: "Pokal", team1: "Rot" }, GAME_DAY)).toBe("Pokal (17.9.2024)");
    expect(german.description({ context: "Pokal", team1: "Rot" })).toBe("Heute: pokal. Rot");
    expect(german.title(null, GAME_DAY)).toBe("Live, 17.9.2024");
    expect(german.description(null)).toMatch(/^This is an automated/);
  });

  test("refuse a wording that names what there is not, or does not close what it opens", () => {
    expect(problemOfWording("{context} [Sheet {sheet}]")).toBeUndefined();
    expect(problemOfWording("{court}")).toMatch(/must not name \{court\}; there are \{context\}/);
    for (const broken of ["{context", "[Sheet {sheet}", "a ] b", "[a [b]]"])
      expect(problemOfWording(broken)).toMatch(/must close/);
  });
});
