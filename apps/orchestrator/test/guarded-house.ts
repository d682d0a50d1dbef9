import type { OrchestratorOptions } from "../src/index.js";
import type { Answer } from "./house.js";
import { House } from "./house.js";

/** Somebody who calls the service with something that shows who they are. */
export class Person {
  constructor(
    private readonly house: House,
    readonly headers: Record<string, string>,
  ) {}

  api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.house.api(method, path, body, { ...this.headers, ...headers });
  }
}

/** A house whose doors are shut, the admin whose key its first start made, and whoever that admin lets in. */
export class GuardedHouse implements AsyncDisposable {
  private constructor(
    readonly house: House,
    readonly adminKey: string,
    readonly admin: Person,
  ) {}

  static async open(options: OrchestratorOptions = {}): Promise<GuardedHouse> {
    const keys: string[] = [];
    const house = await House.open({ accessControl: "required", onFirstKey: (key) => keys.push(key), ...options });
    const [key = ""] = keys;
    return new GuardedHouse(house, key, withKey(house, key));
  }

  get stranger(): Person {
    return new Person(this.house, {});
  }

  withKey(key: string): Person {
    return withKey(this.house, key);
  }

  /** A new key with these rights, and whoever has it. */
  async let(grants: Record<string, string>, more: object = {}): Promise<Person & { key: string; id: string }> {
    const { status, body, text } = await this.admin.api("POST", "/v1/keys", { name: "somebody", grants, ...more });
    if (status !== 201) throw new Error(`The key was answered with ${status}: ${text}`);
    return Object.assign(this.withKey(body.key), { key: body.key as string, id: body.id as string });
  }

  /** Signs in as a page does; the cookie and the token of its session. */
  async signIn(given: object): Promise<Person & { csrf: string; cookie: string }> {
    const answer = await this.house.api("POST", "/v1/session", given);
    if (answer.status !== 200) throw new Error(`The sign-in was answered with ${answer.status}: ${answer.text}`);
    const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    const csrf: string = answer.body.csrfToken;
    return Object.assign(new Person(this.house, { cookie, "x-csrf-token": csrf }), { csrf, cookie });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]();
  }
}

const withKey = (house: House, key: string): Person => new Person(house, { authorization: `Bearer ${key}` });
