import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** Milliseconds. */
const spreadSchema = z.object({ average: z.number(), p50: z.number(), p95: z.number(), p99: z.number() });

const countsSchema = z.object({
  totalJobs: z.int().min(0),
  successfulJobs: z.int().min(0),
  failedJobs: z.int().min(0),
  cancelledJobs: z.int().min(0),
});

/** The same figures of a part of the jobs. */
const groupSchema = countsSchema.extend({
  key: z.string(),
  /** Milliseconds; null where none began. */
  averageProcessingTime: z.number().nullable(),
  averageWaitTime: z.number().nullable(),
  /** Cores used, as a part of the cores reserved. */
  resourceEfficiency: z.number().nullable(),
});
export type AnalyticsGroup = z.infer<typeof groupSchema>;

const demandForecastSchema = z.object({
  /** What it is about, such as `next 24 hours`. */
  period: z.string(),
  predictedJobCount: z.int().min(0),
  /** Between these it is expected to be in four of five cases. */
  low: z.int().min(0),
  high: z.int().min(0),
  /** The part of the back-tests on this very history in which it was. */
  confidence: z.number().min(0).max(1),
  backTests: z.int().min(1),
  /** Mean distance of the back-tests from what came, as a part of what came. */
  meanError: z.number().nullable(),
  method: z.string(),
});

export const recommendationSchema = z.object({
  type: z.enum(["scaling", "agent_health", "reliability", "resource_optimization", "cost"]),
  priority: z.enum(["low", "medium", "high"]),
  title: z.string(),
  expectedImpact: z.string(),
  /** The figures that it follows from. */
  evidence: z.record(z.string(), z.union([z.number(), z.string()])),
});
export type Recommendation = z.infer<typeof recommendationSchema>;

/** Answer of `GET /api/v1/analytics`. Durations are milliseconds. */
export const analyticsReplySchema = z
  .object({
    timestamp: timestampSchema,
    /** Such as `10 minutes`: jobs that ended in it. */
    period: z.string(),
    since: timestampSchema,
    performanceMetrics: countsSchema.extend({
      /** Null where nothing ended that could tell. */
      successRate: z.number().nullable(),
      averageProcessingTime: z.number().nullable(),
      processingTime: spreadSchema.nullable(),
      waitTime: spreadSchema.nullable(),
      /** Jobs a minute. */
      throughput: z.number(),
      resourceEfficiency: z.number().nullable(),
    }),
    /** How many jobs wait and run at this moment. */
    now: z.object({ waiting: z.int().min(0), running: z.int().min(0) }),
    byKind: z.array(groupSchema),
    byTemplate: z.array(groupSchema),
    byAgent: z.array(groupSchema),
    byError: z.array(z.object({ code: z.string(), count: z.int().min(1) })),
    predictions: z.object({
      demandForecast: demandForecastSchema.nullable(),
      /** Why there is no forecast. */
      reason: z.string().optional(),
    }),
    recommendations: z.array(recommendationSchema),
  })
  .meta({ id: "AnalyticsReply" });
export type AnalyticsReply = z.infer<typeof analyticsReplySchema>;
