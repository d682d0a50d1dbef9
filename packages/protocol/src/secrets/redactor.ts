import { decoded, REDACTED, redactAddress, replaceAddresses } from "./address.js";

/** Text without addresses' secrets and without the secrets that the redactor knows. */
export type Redactor = (text: string) => string;

/** Shorter ones would be found inside ordinary words; they are taken out of addresses by their place alone. */
const MIN_SECRET_LENGTH = 4;

/** Takes the secrets out of every address in a text. */
export const redactText: Redactor = (text) => {
  if (!text.includes("://")) return text;
  // A text that is one address may hold characters that would end one inside a sentence, and any scheme.
  return replaceAddresses(/^\S+$/.test(text) ? redactAddress(text) : text, redactAddress);
};

/** Makes the redactor of one job; it also knows the secrets as they look inside an address. */
export function createRedactor(secrets: readonly string[], minLength = MIN_SECRET_LENGTH): Redactor {
  const known = [...new Set(secrets.flatMap((secret) => [secret, encoded(secret), decoded(secret)]))]
    .filter((secret) => secret.length >= minLength && !REDACTED.includes(secret))
    // The longer first, so that no rest of a secret stays behind a shorter one inside it.
    .sort((a, b) => b.length - a.length);
  if (known.length === 0) return redactText;
  return (text) => redactText(known.reduce((shown, secret) => shown.replaceAll(secret, REDACTED), text));
}

/** As it stands in an address; half of a pair of surrogates can't stand in one. */
function encoded(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    return secret;
  }
}
