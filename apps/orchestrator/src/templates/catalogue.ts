import { randomUUID } from "node:crypto";
import type { CreateTemplate, JsonObject, TemplateRecord, TemplateUpdate } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Selectable, Store } from "@stream-control/store";
import { fromJson } from "../jobs/job-record.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables, TemplateTable } from "../store/tables.js";
import { BUILT_IN_TEMPLATES } from "./built-in.js";

/** Templates: those that come with the product, and those that users keep in the database. */
export class TemplateCatalogue {
  private readonly builtIn = new Map(BUILT_IN_TEMPLATES.map((template) => [template.id, template]));

  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
    private readonly log: EventLog,
    private readonly now: () => Date,
  ) {}

  async list(): Promise<TemplateRecord[]> {
    const rows = await this.store.db.selectFrom("templates").selectAll().orderBy("id").execute();
    return [...this.builtIn.values(), ...rows.map((row) => this.toRecord(row))];
  }

  async get(id: string): Promise<TemplateRecord | undefined> {
    const builtIn = this.builtIn.get(id);
    if (builtIn !== undefined) return builtIn;
    const row = await this.store.db.selectFrom("templates").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : this.toRecord(row);
  }

  /** @throws AppError `TEMPLATE_EXISTS`. */
  async create({
    id = `template-${randomUUID()}`,
    name,
    description,
    config,
  }: CreateTemplate): Promise<TemplateRecord> {
    const at = this.now().toISOString();
    const sealed = this.sealed.sealTemplate(id, JSON.stringify(config));
    const row = { id, name, description, config: sealed, created_at: at, updated_at: at };
    const done = { by: currentCaller(), subject: subjectOf(id), type: "template.created", message: "It was made." };
    const inserted = this.builtIn.has(id)
      ? false
      : await this.store.write(async (tx) => {
          const result = await tx
            .insertInto("templates")
            .values(row)
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst();
          if ((result.numInsertedOrUpdatedRows ?? 0n) === 0n) return false;
          await this.log.append(tx, done);
          return true;
        });
    if (!inserted) throw new AppError("TEMPLATE_EXISTS", `There is already a template "${id}"; PUT changes it.`);
    return this.toRecord(row);
  }

  /** @throws AppError `TEMPLATE_NOT_FOUND`, `TEMPLATE_BUILT_IN`. */
  async update(id: string, { name, description, config }: TemplateUpdate): Promise<TemplateRecord> {
    this.refuseBuiltIn(id);
    const sealed = this.sealed.sealTemplate(id, JSON.stringify(config));
    const changes = { name, description, config: sealed, updated_at: this.now().toISOString() };
    const done = { by: currentCaller(), subject: subjectOf(id), type: "template.changed", message: "It was changed." };
    const row = await this.store.write(async (tx) => {
      const changed = await tx
        .updateTable("templates")
        .set(changes)
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirst();
      if (changed !== undefined) await this.log.append(tx, done);
      return changed;
    });
    if (row === undefined) throw notFound(id);
    return this.toRecord(row);
  }

  /** Jobs made from the template keep their config. @throws AppError `TEMPLATE_NOT_FOUND`, `TEMPLATE_BUILT_IN`. */
  async remove(id: string): Promise<void> {
    this.refuseBuiltIn(id);
    const done = { by: currentCaller(), subject: subjectOf(id), type: "template.deleted", message: "It was deleted." };
    const deleted = await this.store.write(async (tx) => {
      const { numDeletedRows } = await tx.deleteFrom("templates").where("id", "=", id).executeTakeFirst();
      if (numDeletedRows > 0n) await this.log.append(tx, done);
      return numDeletedRows > 0n;
    });
    if (!deleted) throw notFound(id);
  }

  private toRecord(row: Selectable<TemplateTable>): TemplateRecord {
    return {
      id: row.id,
      name: row.name,
      description: row.description,
      config: fromJson<JsonObject>(this.sealed.openTemplate(row.id, row.config)) ?? {},
      builtIn: false,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    };
  }

  private refuseBuiltIn(id: string): void {
    if (this.builtIn.has(id))
      throw new AppError(
        "TEMPLATE_BUILT_IN",
        `"${id}" comes with the product and stays as it is; make a copy instead.`,
      );
  }
}

const subjectOf = (id: string) => `template:${id}`;
const notFound = (id: string) => new AppError("TEMPLATE_NOT_FOUND", `There is no template "${id}".`);
