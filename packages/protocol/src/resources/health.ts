import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";

/** `closed`: calls are made. `open`: they are refused. `half_open`: one is made, to see. */
export const CIRCUIT_BREAKER_STATES = ["closed", "open", "half_open"] as const;
export type CircuitBreakerState = (typeof CIRCUIT_BREAKER_STATES)[number];

/** What stands before calls to something that may fail. */
export const circuitBreakerSchema = z
  .object({
    /** Such as `results-bucket`, or `callbacks:example.com`. */
    name: z.string(),
    state: z.enum(CIRCUIT_BREAKER_STATES),
    /** In a row. */
    failures: z.int().min(0),
    lastFailureAt: timestampSchema.nullable(),
    /** When a call is let through again. */
    nextTryAt: timestampSchema.nullable(),
  })
  .meta({ id: "CircuitBreaker" });
export type CircuitBreaker = z.infer<typeof circuitBreakerSchema>;

/** Body of `POST /api/v1/circuit-breaker/reset`: one, a family of them (`callbacks`), or all. */
export const resetBreakerSchema = z
  .strictObject({ name: z.string().min(1).max(300).optional() })
  .meta({ id: "ResetBreaker" });

/** `degraded`: it works, and something is wrong. `unhealthy`: it does not. */
export const HEALTH_STATUSES = ["healthy", "degraded", "unhealthy"] as const;
export const healthStatusSchema = z.enum(HEALTH_STATUSES);
export type HealthStatus = z.infer<typeof healthStatusSchema>;

const componentSchema = z.object({
  component: z.string(),
  status: healthStatusSchema,
  /** For people; those who are not signed in are told no figures. */
  message: z.string(),
});
export type HealthComponent = z.infer<typeof componentSchema>;

/** Answer of `GET /health` and `GET /api/v1/health`. */
export const healthReplySchema = z
  .object({
    status: healthStatusSchema,
    timestamp: timestampSchema,
    version: z.string(),
    /** Seconds since the start. */
    uptime: z.number().min(0),
    health: z.object({
      overall: healthStatusSchema,
      components: z.array(componentSchema),
      summary: z.string(),
    }),
    /** For those who are signed in. */
    circuitBreakers: z.array(circuitBreakerSchema).optional(),
  })
  .meta({ id: "HealthReply" });
export type HealthReply = z.infer<typeof healthReplySchema>;

/** Answer of `GET /ready`: 503 where it is not. */
export const readyReplySchema = z
  .object({
    ready: z.boolean(),
    status: z.enum(["ready", "not_ready"]),
    timestamp: timestampSchema,
    /** Why it is not. */
    reasons: z.array(z.string()),
  })
  .meta({ id: "ReadyReply" });
export type ReadyReply = z.infer<typeof readyReplySchema>;

/** A part of the system that others rely on. */
export const serviceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.enum(["orchestrator", "agent", "storage"]),
    /** Of an agent its state. */
    status: z.string(),
    health: z.object({ status: healthStatusSchema, message: z.string() }),
    version: z.string().nullable(),
    /** Of an agent. */
    room: roomSchema.default(DEFAULT_ROOM).nullable(),
    capabilities: z.record(z.string(), z.unknown()),
    lastSeenAt: timestampSchema,
  })
  .meta({ id: "Service" });
export type Service = z.infer<typeof serviceSchema>;

/** Answer of `GET /api/v1/services`. */
export const servicesReplySchema = z
  .object({ timestamp: timestampSchema, total: z.int().min(0), services: z.array(serviceSchema) })
  .meta({ id: "ServicesReply" });
export type ServicesReply = z.infer<typeof servicesReplySchema>;
