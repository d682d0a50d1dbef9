import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** How an agent is chosen among those that may have a job; `least_loaded` is what counts unless another one is set. */
export const LOAD_BALANCING_STRATEGIES = [
  "least_loaded",
  "round_robin",
  "weighted",
  "least_connections",
  "performance_based",
  "ai_driven",
] as const;
export const loadBalancingStrategySchema = z.enum(LOAD_BALANCING_STRATEGIES);
export type LoadBalancingStrategy = z.infer<typeof loadBalancingStrategySchema>;

/** Share of its lane where jobs of every priority wait. */
const weight = z.int().min(1).max(1000);
/** Durations are milliseconds; a day is the longest that is of any use. */
const duration = (min: number) => z.int().min(min).max(86_400_000);

/** What operators may set while the service runs, in the shape of `config/orchestrator.json`. */
export const configurationSchema = z
  .strictObject({
    orchestration: z.strictObject({
      /** Renders under way at once; 0: as many as there are slots. Streams are never held back by it. */
      maxConcurrentJobs: z.int().min(0).max(1_000_000),
      /** Milliseconds that a render may take whose request says no `timeout`. */
      defaultTimeout: duration(1000),
      priorityWeights: z.strictObject({ low: weight, normal: weight, high: weight, critical: weight }),
    }),
    loadBalancing: z.strictObject({
      strategy: loadBalancingStrategySchema,
      /** Milliseconds between two looks at disks, stores and agents. */
      healthCheckInterval: duration(1000),
      /** The part of an agent's latest jobs that must have failed by its fault before others are preferred. */
      failoverThreshold: z.number().min(0.1).max(1),
    }),
    resources: z.strictObject({
      /** Advice on the size of the fleet is sent to webhooks when it changes. */
      autoScalingEnabled: z.boolean(),
      /** Milliseconds after which an assignment that its agent has not acknowledged gives back what it holds. */
      resourceReservationTimeout: duration(1000),
      /** Milliseconds between two looks at what jobs use and what is to come. */
      optimizationInterval: duration(1000),
    }),
    resilience: z.strictObject({
      /** Calls to what keeps failing are refused at once for a while. */
      circuitBreakerEnabled: z.boolean(),
      /** Calls that fail in passing are made again. */
      retryEnabled: z.boolean(),
      /** Jobs avoid agents that let them fail; see `failoverThreshold`. */
      failoverEnabled: z.boolean(),
    }),
    analytics: z.strictObject({
      enabled: z.boolean(),
      /** Demand is forecast. */
      predictionEnabled: z.boolean(),
    }),
  })
  .meta({ id: "Configuration" });
export type Configuration = z.infer<typeof configurationSchema>;

/** Where a value comes from, the weakest first: a later one wins. */
export const CONFIGURATION_LAYERS = ["default", "file", "runtime", "environment"] as const;
const layerSchema = z.enum(CONFIGURATION_LAYERS);
export type ConfigurationLayer = z.infer<typeof layerSchema>;

const valueSchema = z.union([z.number(), z.string(), z.boolean()]);
export type ConfigurationValue = z.infer<typeof valueSchema>;

const sourceOfValueSchema = z.object({
  /** The layer whose value is in force. */
  layer: layerSchema,
  /** The environment variable that would win over all others. */
  variable: z.string(),
  default: valueSchema,
  file: valueSchema.optional(),
  runtime: valueSchema.optional(),
  environment: valueSchema.optional(),
});

/** Answer of `GET /api/v1/config`: the values in force, and where each comes from. */
export const configurationReplySchema = configurationSchema
  .extend({
    /** Goes up by one with each change through the interface. */
    version: z.int().min(0),
    /** When that was; null where nothing was ever changed. */
    updatedAt: timestampSchema.nullable(),
    /** By path, such as `orchestration.maxConcurrentJobs`. */
    sources: z.record(z.string(), sourceOfValueSchema),
    /** Of a change: what was kept for later but is not in force, since its variable is set. */
    overridden: z.array(z.object({ path: z.string(), variable: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "ConfigurationReply" });
export type ConfigurationReply = z.infer<typeof configurationReplySchema>;

/** The same sections, of which any field may be left out. */
const partly = (schema: z.ZodObject, ofField: (field: z.ZodType) => z.ZodType): Record<string, z.ZodType> =>
  Object.fromEntries(
    Object.entries(schema.shape).map(([name, field]) => [
      name,
      ofField(field instanceof z.ZodObject ? z.strictObject(partly(field, ofField)) : (field as z.ZodType)),
    ]),
  );

/** A file with settings: what it does not name has its default. */
export const configurationFileSchema = z
  .strictObject(partly(configurationSchema, (field) => field.optional()))
  .meta({ id: "ConfigurationFile" });

/**
 * Body of `PUT /api/v1/config`: what is given is changed, null goes back to what file and defaults say. An answer of `GET` may
 * be sent back whole.
 */
export const updateConfigurationSchema = z
  .strictObject({
    ...partly(configurationSchema, (field) => field.nullable().optional()),
    /** The version that the change was made from; any unless given. */
    version: z.int().min(0).optional(),
    updatedAt: z.unknown().optional(),
    sources: z.unknown().optional(),
    overridden: z.unknown().optional(),
  })
  .meta({ id: "UpdateConfiguration" });
