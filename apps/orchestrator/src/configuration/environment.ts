import { configurationSchema } from "@stream-control/protocol";
import { envVar } from "@stream-control/service-kit";
import { z } from "zod";
import type { Values } from "./catalogue.js";
import { flatten } from "./catalogue.js";

const { orchestration, loadBalancing, resources } = configurationSchema.shape;
const weights = orchestration.shape.priorityWeights;

/** `low=1,high=5`: those that are named. */
const weightsVariable = z.string().transform((text, context) => {
  const given: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [name = "", value = ""] = part.split("=").map((side) => side.trim());
    const parsed = Object.hasOwn(weights.shape, name) && weights.shape.low.safeParse(Number(value || Number.NaN));
    if (parsed !== false && parsed.success) given[name] = parsed.data;
    else context.addIssue("must look like low=1,normal=2,high=3,critical=4, with whole numbers from 1 to 1000");
  }
  return given;
});

/** Variables of settings; to be spread into the service's own. */
export const configurationVariables = {
  /** Empty where none is meant; the usual one may be missing, one that is named may not. */
  CONFIG_FILE: z.string().optional(),
  MAX_CONCURRENT_JOBS: envVar.int().pipe(orchestration.shape.maxConcurrentJobs).optional(),
  DEFAULT_TIMEOUT: envVar.int().pipe(orchestration.shape.defaultTimeout).optional(),
  PRIORITY_WEIGHTS: weightsVariable.optional(),
  LOAD_BALANCING_STRATEGY: loadBalancing.shape.strategy.optional(),
  HEALTH_CHECK_INTERVAL: envVar.int().pipe(loadBalancing.shape.healthCheckInterval).optional(),
  FAILOVER_THRESHOLD: z
    .string()
    .regex(/^\d*\.?\d+$/, "must be a number such as 0.8")
    .transform(Number)
    .pipe(loadBalancing.shape.failoverThreshold)
    .optional(),
  AUTO_SCALING_ENABLED: envVar.flag().optional(),
  RESOURCE_RESERVATION_TIMEOUT: envVar.int().pipe(resources.shape.resourceReservationTimeout).optional(),
  OPTIMIZATION_INTERVAL: envVar.int().pipe(resources.shape.optimizationInterval).optional(),
  CIRCUIT_BREAKER_ENABLED: envVar.flag().optional(),
  RETRY_ENABLED: envVar.flag().optional(),
  FAILOVER_ENABLED: envVar.flag().optional(),
  ANALYTICS_ENABLED: envVar.flag().optional(),
  PREDICTION_ENABLED: envVar.flag().optional(),
};

/** The layer that the environment makes. */
export function readEnvironment(v: z.infer<z.ZodObject<typeof configurationVariables>>): Values {
  return flatten({
    orchestration: {
      maxConcurrentJobs: v.MAX_CONCURRENT_JOBS,
      defaultTimeout: v.DEFAULT_TIMEOUT,
      priorityWeights: v.PRIORITY_WEIGHTS,
    },
    loadBalancing: {
      strategy: v.LOAD_BALANCING_STRATEGY,
      healthCheckInterval: v.HEALTH_CHECK_INTERVAL,
      failoverThreshold: v.FAILOVER_THRESHOLD,
    },
    resources: {
      autoScalingEnabled: v.AUTO_SCALING_ENABLED,
      resourceReservationTimeout: v.RESOURCE_RESERVATION_TIMEOUT,
      optimizationInterval: v.OPTIMIZATION_INTERVAL,
    },
    resilience: {
      circuitBreakerEnabled: v.CIRCUIT_BREAKER_ENABLED,
      retryEnabled: v.RETRY_ENABLED,
      failoverEnabled: v.FAILOVER_ENABLED,
    },
    analytics: { enabled: v.ANALYTICS_ENABLED, predictionEnabled: v.PREDICTION_ENABLED },
  }) as Values;
}
