// Who is looking at this page: signs in and out, and opens sockets as whoever that is.
const form = document.getElementById("sign-in");
const problem = document.getElementById("sign-in-problem");
const elsewhere = document.getElementById("sign-in-elsewhere");
const who = document.getElementById("who");
const signOut = document.getElementById("sign-out");
let session;

/** Resolves with the session, after the form was filled in where nobody is signed in yet. */
export async function signedIn() {
  const response = await fetch("/v1/session");
  if (!response.ok && response.status !== 401) throw new Error(`The session was answered with ${response.status}.`);
  session = response.ok ? await response.json() : await asked();
  who.textContent = session.kind === "local" ? "" : session.name;
  signOut.hidden = session.csrfToken === null;
  return session;
}

/** The address of a socket: a session opens it with a ticket, which counts once. */
export async function socketAddress(path) {
  const address = `${location.origin.replace(/^http/, "ws")}${path}`;
  if (session?.csrfToken == null) return address;
  const response = await fetch("/v1/tickets", { method: "POST", headers: { "X-CSRF-Token": session.csrfToken } });
  if (!response.ok) throw new Error(`The ticket was answered with ${response.status}.`);
  return `${address}?ticket=${(await response.json()).ticket}`;
}

/** Shows the way to the OpenID provider where there is one. */
async function offerProvider() {
  const response = await fetch("/v1/session/oidc");
  if (!response.ok) return;
  elsewhere.href = (await response.json()).start;
  elsewhere.hidden = false;
}

function asked() {
  // Whoever cannot be shown it still has the form.
  offerProvider().catch(() => undefined);
  form.hidden = false;
  form.elements.secret.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", async function submitted(event) {
      event.preventDefault();
      const { login, secret } = form.elements;
      const given =
        login.value.trim() === "" ? { key: secret.value.trim() } : { login: login.value, password: secret.value };
      problem.textContent = "";
      try {
        const response = await fetch("/v1/session", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(given),
        });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.error);
        form.removeEventListener("submit", submitted);
        form.hidden = true;
        resolve(answer);
      } catch (error) {
        problem.textContent = error.message;
      } finally {
        secret.value = "";
      }
    });
  });
}

signOut.addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": session.csrfToken } });
  location.reload();
});
