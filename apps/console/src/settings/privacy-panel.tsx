import type { YouTubePrivacy } from "@stream-control/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi, useMay } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Field } from "../ui/field.js";
import { Panel } from "./panel.js";

const WORDS = { public: "Everybody", unlisted: "Who has the address", private: "Who is invited" };

/** Who sees new broadcasts. */
export function PrivacyPanel() {
  const api = useApi();
  const queries = useQueryClient();
  const mayChange = useMay("operator");
  const queryKey = ["privacy"];
  const { data, error } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api.get<{ privacy: YouTubePrivacy }>("/v1/config/stream-privacy", {}, signal),
  });
  const change = useMutation({
    mutationFn: (privacy: string) => api.send("PUT", "/v1/config/stream-privacy", { privacy }),
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
  const problem = error ?? change.error;
  return (
    <Panel title="New broadcasts">
      {data !== undefined && (
        <Field label="Seen by" problem={problem === null ? undefined : messageOf(problem)}>
          {(control) => (
            <select
              {...control}
              value={change.isPending ? change.variables : data.privacy}
              disabled={!mayChange}
              onChange={({ target }) => change.mutate(target.value)}
            >
              {Object.entries(WORDS).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {data === undefined && problem !== null && <p role="alert">{messageOf(problem)}</p>}
    </Panel>
  );
}
