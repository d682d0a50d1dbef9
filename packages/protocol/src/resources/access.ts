import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** What somebody may do, each role including the ones before it. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export const roleSchema = z.enum(ROLES).meta({ id: "Role" });
export type Role = z.infer<typeof roleSchema>;

/** The room of agents and jobs that name none. */
export const DEFAULT_ROOM = "default";

/** A label on agents and jobs: who works in one room neither sees nor touches another. */
export const roomSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "must be small letters, digits, dots, dashes and underscores")
  .meta({ id: "Room" });

/** In `grants`: the role in every room, and in what belongs to no room. */
export const EVERY_ROOM = "*";

/** Roles by room; `*` stands for every room. */
export const grantsSchema = z
  .record(z.union([z.literal(EVERY_ROOM), roomSchema]), roleSchema)
  .refine((grants) => Object.keys(grants).length > 0, "must grant a role in at least one room")
  .refine((grants) => Object.keys(grants).length <= 100, "must name at most 100 rooms")
  .meta({ id: "Grants" });
export type Grants = z.infer<typeof grantsSchema>;

/** Either `role`, which then holds in every room, or `grants`. */
const givenRights = { role: roleSchema.optional(), grants: grantsSchema.optional() };
const oneOfBoth = ({ role, grants }: { role?: unknown; grants?: unknown }) =>
  (role === undefined) !== (grants === undefined);
const ONE_OF_BOTH = "give exactly one of role (in every room) and grants (a role by room)";

const nameSchema = z.string().trim().min(1).max(200);

/** An API key without its secret, which nobody can show again. */
export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    grants: grantsSchema,
    createdAt: timestampSchema,
    /** Who made it; null for the one of the first start. */
    createdBy: z.string().nullable(),
    expiresAt: timestampSchema.nullable(),
    /** Exact to a minute. */
    lastUsedAt: timestampSchema.nullable(),
    revokedAt: timestampSchema.nullable(),
  })
  .meta({ id: "ApiKey" });
export type ApiKey = z.infer<typeof apiKeySchema>;

/** Body of `POST /v1/keys`. */
export const createApiKeySchema = z
  .object({ name: nameSchema, ...givenRights, expiresAt: timestampSchema.nullish() })
  .refine(oneOfBoth, ONE_OF_BOTH)
  .meta({ id: "CreateApiKey" });
export type CreateApiKey = z.infer<typeof createApiKeySchema>;

/** Answer of `POST /v1/keys`: the only time that the key is shown. */
export const newApiKeySchema = apiKeySchema.extend({ key: z.string() }).meta({ id: "NewApiKey" });
export type NewApiKey = z.infer<typeof newApiKeySchema>;

/** A person who signs in. */
export const userRecordSchema = z
  .object({
    id: z.string(),
    login: z.string(),
    name: z.string(),
    grants: grantsSchema,
    /** How they sign in. */
    signIn: z.enum(["password", "oidc"]),
    createdAt: timestampSchema,
    lastSignInAt: timestampSchema.nullable(),
    disabledAt: timestampSchema.nullable(),
  })
  .meta({ id: "User" });
export type UserRecord = z.infer<typeof userRecordSchema>;

/** At least 12 characters (NIST SP 800-63B-4 asks for 8 with, 15 without a second factor); any text, no rules of composition. */
export const passwordSchema = z.string().min(12).max(1024);

/** Body of `POST /v1/users`. */
export const createUserSchema = z
  .object({
    login: z
      .string()
      .trim()
      .toLowerCase()
      .regex(/^[^\s\p{C}]{1,200}$/u, "must be a name or an address without blanks"),
    name: nameSchema.optional(),
    password: passwordSchema,
    ...givenRights,
  })
  .refine(oneOfBoth, ONE_OF_BOTH)
  .meta({ id: "CreateUser" });
export type CreateUser = z.infer<typeof createUserSchema>;

/** Body of `PATCH /v1/users/:id`; what is absent stays as it is. A new password or fewer rights end the user's sessions. */
export const updateUserSchema = z
  .object({
    name: nameSchema.optional(),
    password: passwordSchema.optional(),
    ...givenRights,
    disabled: z.boolean().optional(),
  })
  .refine(({ role, grants }) => role === undefined || grants === undefined, ONE_OF_BOTH)
  .meta({ id: "UpdateUser" });
export type UpdateUser = z.infer<typeof updateUserSchema>;

/** Body of `POST /v1/session`: a user's login and password, or an API key. */
export const signInSchema = z
  .union([
    z.strictObject({ login: z.string().trim().toLowerCase().min(1).max(200), password: z.string().min(1).max(1024) }),
    z.strictObject({ key: z.string().min(1).max(512) }),
  ])
  .meta({ id: "SignIn" });
export type SignIn = z.infer<typeof signInSchema>;

/** Who is asking, and with which rights. */
export const sessionRecordSchema = z
  .object({
    /** `local`: development on this machine, where nobody needs to sign in. */
    kind: z.enum(["key", "user", "local"]),
    id: z.string(),
    name: z.string(),
    grants: grantsSchema,
    /** Of a session by cookie: what writing requests must carry as `X-CSRF-Token`. */
    csrfToken: z.string().nullable(),
    /** When the session or the key ends; null where it does not. */
    expiresAt: timestampSchema.nullable(),
  })
  .meta({ id: "Session" });
export type SessionRecord = z.infer<typeof sessionRecordSchema>;

/** Answer of `POST /v1/tickets`: opens one socket, once, as `?ticket=`. */
export const ticketSchema = z.object({ ticket: z.string(), expiresInMs: z.int().min(1) }).meta({ id: "Ticket" });
export type Ticket = z.infer<typeof ticketSchema>;

/** A token of one agent, without its secret. */
export const agentTokenSchema = z
  .object({
    id: z.string(),
    agentId: z.string(),
    room: roomSchema,
    createdAt: timestampSchema,
    createdBy: z.string().nullable(),
    /** When it ends: asked for, or the grace time after a newer one was issued. */
    expiresAt: timestampSchema.nullable(),
    lastUsedAt: timestampSchema.nullable(),
    revokedAt: timestampSchema.nullable(),
  })
  .meta({ id: "AgentToken" });
export type AgentToken = z.infer<typeof agentTokenSchema>;

/** Body of `POST /v1/agents/:id/tokens`. Earlier tokens of the agent go on for the grace time, one hour unless given. */
export const createAgentTokenSchema = z
  .object({
    /** The room that the agent belongs to; the one of its last token unless given. */
    room: roomSchema.optional(),
    expiresAt: timestampSchema.nullish(),
    graceMs: z
      .int()
      .min(0)
      .max(30 * 86_400_000)
      .default(3_600_000),
  })
  .meta({ id: "CreateAgentToken" });
export type CreateAgentToken = z.infer<typeof createAgentTokenSchema>;

/** Answer of `POST /v1/agents/:id/tokens`: the only time that the token is shown. */
export const newAgentTokenSchema = agentTokenSchema.extend({ token: z.string() }).meta({ id: "NewAgentToken" });
export type NewAgentToken = z.infer<typeof newAgentTokenSchema>;
