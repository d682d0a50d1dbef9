import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Route, Switch } from "wouter";
import { ApiError, OrchestratorApi } from "./api/orchestrator-api.js";
import { BoardPage } from "./board/board-page.js";
import { SessionGate } from "./session/session-gate.js";
import { NotFound } from "./shell/not-found.js";
import { Shell } from "./shell/shell.js";
import { Toasts } from "./ui/toasts.js";

// The first view is the board; the others are fetched when they are opened.
const JobPage = lazy(() => import("./job/job-page.js").then(({ JobPage }) => ({ default: JobPage })));
const AgentsPage = lazy(() => import("./agents/agents-page.js").then(({ AgentsPage }) => ({ default: AgentsPage })));
const NewStreamPage = lazy(() =>
  import("./new-stream/new-stream-page.js").then(({ NewStreamPage }) => ({ default: NewStreamPage })),
);
const HistoryPage = lazy(() =>
  import("./history/history-page.js").then(({ HistoryPage }) => ({ default: HistoryPage })),
);
const SheetsPage = lazy(() => import("./sheets/sheets-page.js").then(({ SheetsPage }) => ({ default: SheetsPage })));
const SettingsPage = lazy(() =>
  import("./settings/settings-page.js").then(({ SettingsPage }) => ({ default: SettingsPage })),
);

/** A refusal is final; what was not answered is asked again. */
const mayHelpToRepeat = (failures: number, error: Error) =>
  failures < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500);

/** The console: everything is built here, and handed down. */
export function Console() {
  const [api] = useState(() => new OrchestratorApi());
  const [queries] = useState(
    () => new QueryClient({ defaultOptions: { queries: { retry: mayHelpToRepeat, staleTime: 5000 } } }),
  );
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <SessionGate api={api}>
          <Toasts>
            <Shell>
              <Suspense fallback={<p className="soft">Loading…</p>}>
                <Switch>
                  <Route path="/" component={BoardPage} />
                  <Route path="/jobs/:id">{({ id }) => <JobPage key={id} id={decodeURIComponent(id)} />}</Route>
                  <Route path="/agents" component={AgentsPage} />
                  <Route path="/new" component={NewStreamPage} />
                  <Route path="/history" component={HistoryPage} />
                  <Route path="/sheets" component={SheetsPage} />
                  <Route path="/settings" component={SettingsPage} />
                  <Route component={NotFound} />
                </Switch>
              </Suspense>
            </Shell>
          </Toasts>
        </SessionGate>
      </QueryClientProvider>
    </CSPProvider>
  );
}
