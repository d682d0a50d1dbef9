import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/context.js";

/** A list of the settings, such as `/v1/keys`. */
export function useList<T>(path: string): { items: readonly T[]; error: Error | null } {
  const api = useApi();
  const { data = [], error } = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => api.get<T[]>(path, {}, signal),
  });
  return { items: data, error };
}

/** Something that changes a list, after which it is read anew. */
export function useListChange<Given, Answer = unknown>(path: string, change: (given: Given) => Promise<Answer>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => queries.invalidateQueries({ queryKey: [path] }),
  });
}
