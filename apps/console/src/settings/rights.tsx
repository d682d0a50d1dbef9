import type { Grants } from "@stream-control/protocol";
import { Field } from "../ui/field.js";

/** Grants in words. */
export const rightsOf = (grants: Grants): string =>
  Object.entries(grants)
    .map(([room, role]) => (room === "*" ? role : `${role} in ${room}`))
    .join(", ");

/** A role in every room; grants by room are made over REST. */
export function RoleSelect() {
  return (
    <Field label="Role">
      {(control) => (
        <select {...control} name="role" defaultValue="viewer">
          <option value="viewer">Viewer</option>
          <option value="operator">Operator</option>
          <option value="admin">Admin</option>
        </select>
      )}
    </Field>
  );
}
