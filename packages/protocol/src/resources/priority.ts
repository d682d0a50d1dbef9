import { z } from "zod";

/** The lanes that jobs wait in, the least urgent first. */
export const PRIORITIES = ["low", "normal", "high", "critical"] as const;
export const prioritySchema = z.enum(PRIORITIES).meta({ id: "Priority" });
/** How urgent a job is among those that wait: each lane gets its share of the slots that come free. */
export type Priority = z.infer<typeof prioritySchema>;
