import type { AnalyticsReply, Recommendation, ScalingAdvice } from "@stream-control/protocol";

/** What recommendations follow from. */
export interface Findings {
  readonly metrics: AnalyticsReply["performanceMetrics"];
  readonly byAgent: AnalyticsReply["byAgent"];
  readonly byKind: AnalyticsReply["byKind"];
  readonly byError: AnalyticsReply["byError"];
  readonly advice: readonly ScalingAdvice[];
}

/** A 95th percentile of waiting above which somebody notices. */
const LONG_WAIT_MS = 60_000;
/** Fewer jobs say nothing about a part of them. */
const LEAST_JOBS = 10;
/** Part of the jobs that fail above which it is worth a look, and above which it is urgent. */
const FAILING = { notable: 0.1, urgent: 0.3 } as const;
/** An agent stands out where it fails so many times as often as the others. */
const STANDS_OUT = 2;
/** Of what is reserved, less than this is used, or more than that. */
const USED = { little: 0.5, more: 1.3 } as const;

/** What ought to be done, the most urgent first. Every one names the figures that it follows from. */
export function recommend(findings: Findings): Recommendation[] {
  const order = ["high", "medium", "low"];
  const all = [...scaling(findings), ...agents(findings), ...failures(findings), ...reservations(findings)];
  return all.sort((a, b) => order.indexOf(a.priority) - order.indexOf(b.priority));
}

function scaling({ metrics, advice }: Findings): Recommendation[] {
  const waitMs = metrics.waitTime?.p95 ?? 0;
  return advice.flatMap((room): Recommendation[] => {
    const { desiredAgents, currentAgents, desiredSlots, currentSlots, waitingJobs, runningJobs } = room;
    const evidence = { room: room.room ?? "all", desiredAgents, currentAgents, waitingJobs, p95WaitMs: waitMs };
    if (desiredAgents > currentAgents)
      return [
        {
          type: "scaling",
          priority: waitMs > LONG_WAIT_MS || currentAgents === 0 ? "high" : "medium",
          title: `Add ${desiredAgents - currentAgents} agents to the room "${evidence.room}"`,
          expectedImpact: `${desiredSlots} slots in place of ${currentSlots}: ${waitingJobs} waiting jobs could begin; 95 of 100 jobs waited less than ${seconds(waitMs)} s.`,
          evidence,
        },
      ];
    // One that is idle is a reserve; more of them are a bill.
    if (currentAgents - desiredAgents < 2 || waitMs > LONG_WAIT_MS) return [];
    return [
      {
        type: "cost",
        priority: "low",
        title: `${currentAgents - desiredAgents} of ${currentAgents} agents of the room "${evidence.room}" have nothing to do`,
        expectedImpact: `${desiredSlots} slots are needed of ${currentSlots}, with ${runningJobs} jobs running.`,
        evidence,
      },
    ];
  });
}

function agents({ byAgent }: Findings): Recommendation[] {
  const failed = (of: readonly { failedJobs: number }[]) => of.reduce((sum, one) => sum + one.failedJobs, 0);
  const total = (of: readonly { totalJobs: number }[]) => of.reduce((sum, one) => sum + one.totalJobs, 0);
  return byAgent.flatMap((agent): Recommendation[] => {
    const others = byAgent.filter((other) => other !== agent);
    if (agent.totalJobs < LEAST_JOBS || total(others) < LEAST_JOBS) return [];
    const rate = agent.failedJobs / agent.totalJobs;
    const usual = failed(others) / total(others);
    if (rate < FAILING.notable || rate < usual * STANDS_OUT) return [];
    return [
      {
        type: "agent_health",
        priority: rate >= FAILING.urgent ? "high" : "medium",
        title: `Look at the agent "${agent.key}": ${percent(rate)} of its jobs failed, ${percent(usual)} elsewhere`,
        expectedImpact: `At the rate of the others, about ${Math.round(agent.failedJobs - usual * agent.totalJobs)} of ${agent.failedJobs} failures would not have been.`,
        evidence: {
          agentId: agent.key,
          failedJobs: agent.failedJobs,
          totalJobs: agent.totalJobs,
          elsewhere: round(usual),
        },
      },
    ];
  });
}

function failures({ metrics, byError }: Findings): Recommendation[] {
  const { totalJobs, failedJobs } = metrics;
  const rate = failedJobs / Math.max(1, totalJobs);
  const [commonest] = byError;
  if (totalJobs < LEAST_JOBS || rate < FAILING.notable || commonest === undefined) return [];
  return [
    {
      type: "reliability",
      priority: rate >= FAILING.urgent ? "high" : "medium",
      title: `${percent(rate)} of the jobs failed, most often with ${commonest.code}`,
      expectedImpact: `Without ${commonest.code} there would be ${commonest.count} of ${failedJobs} failures fewer.`,
      evidence: { failedJobs, totalJobs, code: commonest.code, count: commonest.count },
    },
  ];
}

function reservations({ byKind }: Findings): Recommendation[] {
  return byKind.flatMap(({ key, totalJobs, resourceEfficiency: used }): Recommendation[] => {
    if (used === null || totalJobs < LEAST_JOBS || (used >= USED.little && used <= USED.more)) return [];
    const evidence = { kind: key, totalJobs, resourceEfficiency: used };
    return used < USED.little
      ? [
          {
            type: "resource_optimization",
            priority: "low",
            title: `Jobs of the kind ${key} use ${percent(used)} of the cores that are reserved for them`,
            expectedImpact: `With slots to match, about ${round(1 / used)} times as many fit on the same machines.`,
            evidence,
          },
        ]
      : [
          {
            type: "resource_optimization",
            priority: "medium",
            title: `Jobs of the kind ${key} use ${round(used)} times the cores that are reserved for them`,
            expectedImpact: "With fewer slots to a machine, or more cores, they would not take them from each other.",
            evidence,
          },
        ];
  });
}

const percent = (part: number): string => `${Math.round(part * 100)} %`;
const round = (value: number): number => Math.round(value * 100) / 100;
const seconds = (ms: number): number => Math.round(ms / 1000);
