import { AsyncLocalStorage } from "node:async_hooks";
import type { Request, RequestHandler } from "express";

/** On whose behalf something is done. */
export interface Caller {
  /**
   * An id that says nothing about a person by itself: `key:…`, `user:…`, `agent:…`, `local` (a program on this machine),
   * `anonymous`, or `system` for what the service does of its own accord.
   */
  readonly actor: string;
  /** What follows can point to a person; it is kept apart from the event log, so that it can be erased. */
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** The service itself: timers, the scheduler, the start. */
export const SYSTEM: Caller = Object.freeze({ actor: "system" });

/**
 * The context of a call, not a state of this module: each value is seen only by what its `withCaller` runs, however that goes
 * on asynchronously. It saves handing the caller through every function between an edge and the event log.
 */
const callers = new AsyncLocalStorage<Caller>();

/** Runs work on behalf of a caller, with everything that it starts and waits for. */
export const withCaller = <T>(caller: Caller, work: () => T): T => callers.run(caller, work);

/**
 * Runs work as the service itself. Timers and immediates inherit the caller that set them: what they do later must not be
 * put down to whoever came by last.
 */
export const asSystem = <T>(work: () => T): T => callers.run(SYSTEM, work);

/** Who acts now. Ask before work is queued: a queue runs it in the context of another. */
export const currentCaller = (): Caller => callers.getStore() ?? SYSTEM;

/** Answers every request that follows on behalf of its caller. */
export const runAs =
  (callerOf: (request: Request) => Caller): RequestHandler =>
  (request, _response, next) =>
    withCaller(callerOf(request), next);
