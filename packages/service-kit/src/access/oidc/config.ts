import { z } from "zod";
import { ConfigError, envVar } from "../../config.js";
import { type GroupGrant, parseGrantsMap } from "./grants-map.js";

/** Variables of the sign-in at an OpenID provider; to be spread into a service's own. */
export const oidcVariables = {
  OIDC_ISSUER: z.url({ protocol: /^https?$/ }).optional(),
  OIDC_CLIENT_ID: z.string().max(512).optional(),
  OIDC_CLIENT_SECRET: z.string().max(4096).optional(),
  OIDC_REDIRECT_URL: z.url({ protocol: /^https?$/ }).optional(),
  OIDC_SCOPES: z.string().max(1000).default("openid profile email"),
  OIDC_GRANTS_CLAIM: z.string().max(200).default("groups"),
  OIDC_GRANTS: z
    .string()
    .transform((text, context) => {
      try {
        return parseGrantsMap(text);
      } catch (error) {
        context.addIssue(error instanceof Error ? error.message : String(error));
        return z.NEVER;
      }
    })
    .optional(),
  OIDC_TIMEOUT_MS: envVar.ms({ min: 100, max: 120_000 }).default(10_000),
};

type OidcValues = z.infer<z.ZodObject<typeof oidcVariables>>;

/** Where people sign in, and what they may do then. */
export interface OidcSettings {
  /** The provider, as its tokens name it. */
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Where the provider sends people back to; must be registered there. */
  redirectUrl: string;
  scopes: string;
  /** The claim that lists a user's groups. */
  grantsClaim: string;
  grants: readonly GroupGrant[];
  /** How long the provider may take for an answer. */
  timeoutMs: number;
}

/** Where every service has its callback. */
export const OIDC_PATH = "/v1/session/oidc";

/**
 * Turns the variables into settings; undefined where there is to be no such sign-in.
 *
 * @param port of the service, for the address that it has in development.
 * @throws ConfigError that names what is missing or does not fit.
 */
export function readOidc(
  values: OidcValues,
  { production, port }: { production: boolean; port: number },
): OidcSettings | undefined {
  const {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    OIDC_GRANTS: grants,
  } = values;
  const { OIDC_REDIRECT_URL: givenUrl } = values;
  if ([issuer, clientId, clientSecret, grants, givenUrl].every((value) => value === undefined)) return undefined;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined || grants === undefined)
    throw wrong(
      "the sign-in at an OpenID provider needs OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_GRANTS.",
    );
  if (grants.length === 0) throw wrong("OIDC_GRANTS grants nothing, so that nobody could sign in.");
  if (!isProtected(issuer)) throw wrong("OIDC_ISSUER must be https, other than on this machine.");
  if (!values.OIDC_SCOPES.split(" ").includes("openid")) throw wrong("OIDC_SCOPES must have openid among them.");
  if (production && givenUrl === undefined)
    throw wrong(
      `OIDC_REDIRECT_URL must be set in production, such as https://control.example.com${OIDC_PATH}/callback.`,
    );
  const redirectUrl = givenUrl ?? `http://localhost:${port}${OIDC_PATH}/callback`;
  if (!isProtected(redirectUrl)) throw wrong("OIDC_REDIRECT_URL must be https, other than on this machine.");
  if (URL.parse(redirectUrl)?.pathname.endsWith(`${OIDC_PATH}/callback`) !== true)
    throw wrong(`OIDC_REDIRECT_URL must end with ${OIDC_PATH}/callback.`);
  return {
    ...{ issuer, clientId, clientSecret, redirectUrl, grants },
    scopes: values.OIDC_SCOPES,
    grantsClaim: values.OIDC_GRANTS_CLAIM,
    timeoutMs: values.OIDC_TIMEOUT_MS,
  };
}

const wrong = (what: string): ConfigError => new ConfigError(`The configuration is wrong: ${what}`);

/** Whether nobody on the way can read or change what is said there. */
export function isProtected(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(url?.hostname ?? "");
}
