// The address bar holds all that a page shows: the trail and the filters in the query, the
// shopper's picture in the fragment, which browsers do not send to a server.
//
//   /?step=&product=p-7&wish=in+black&step=&product=p-7&wish=in+black&wish=with+a+hood
//   /?step=&picture=&wish=in+red&step=&product=p-9&step=1&picture=&wish=in+blue&at=2
//
// `step=` begins a step after the one before it, `step=1` one that branches off step 1 (counted
// from 1); what follows up to the next `step` belongs to it. `at` names the step that is shown,
// the last one where it is left out. Whatever cannot be read is left out: an address may have
// been cut on its way.

import { type Filters, NO_FILTERS, type Range } from "../filters/filters";
import { EMPTY, MAX_STEPS, type Reference, type Step, type Trail } from "./trail";

/** All that an address tells. */
export interface View {
  readonly trail: Trail;
  readonly filters: Filters;
}

export interface Address {
  readonly search: string;
  readonly hash: string;
}

export function write({ trail, filters }: View): Address {
  const query = new URLSearchParams();
  trail.steps.forEach((step, index) => {
    const follows = step.parent === (index === 0 ? null : index - 1);
    query.append("step", follows || step.parent === null ? "" : String(step.parent + 1));
    if (step.reference) query.append(...referenceEntry(step.reference));
    for (const words of step.wishes) query.append("wish", words);
  });
  if (trail.at !== null && trail.at !== trail.steps.length - 1) {
    query.append("at", String(trail.at + 1));
  }
  for (const [field, values] of Object.entries(filters.values)) {
    for (const value of values) query.append(`filter.${field}`, value);
  }
  for (const [field, { min, max }] of Object.entries(filters.ranges)) {
    if (min !== undefined) query.append(`min.${field}`, String(min));
    if (max !== undefined) query.append(`max.${field}`, String(max));
  }
  const search = query.toString();
  const shown = trail.steps.some((step) => step.reference?.kind === "picture");
  return {
    search: search && `?${search}`,
    hash: trail.picture && shown ? `#picture=${trail.picture}` : "",
  };
}

export function read({ search, hash }: Address): View {
  // Maps, since an address may name a field `constructor` or `__proto__`.
  const values = new Map<string, Set<string>>();
  const ranges = new Map<string, { min?: number; max?: number }>();
  const steps: { parent: number | null; reference: Reference | null; wishes: string[] }[] = [];
  let at: number | null = null;
  for (const [name, value] of new URLSearchParams(search)) {
    const [, kind, field] = /^(filter|min|max)\.(.+)$/.exec(name) ?? [];
    const step = steps.at(-1);
    if (field && kind === "filter") {
      values.set(field, (values.get(field) ?? new Set()).add(value));
    } else if (field && kind && value.trim() && Number.isFinite(Number(value))) {
      ranges.set(field, { ...ranges.get(field), [kind]: Number(value) });
    } else if (name === "step") {
      steps.push({ parent: parentOf(value, steps.length), reference: null, wishes: [] });
    } else if (name === "at") {
      at = wholeNumber(value);
    } else if (name === "wish" && step && value.trim()) {
      const said = value.trim();
      if (!step.wishes.includes(said)) step.wishes.push(said);
    } else if (step) {
      step.reference = readReference(name, value) ?? step.reference;
    }
  }
  const trail = asTrail(steps.slice(0, MAX_STEPS), at, readPicture(hash));
  return { trail, filters: asFilters(values, ranges) };
}

function asFilters(values: Map<string, Set<string>>, ranges: Map<string, Range>): Filters {
  if (!values.size && !ranges.size) return NO_FILTERS;
  const chosen = [...values].map(([field, those]) => [field, [...those]]);
  return { values: Object.fromEntries(chosen), ranges: Object.fromEntries(ranges) };
}

function asTrail(read: readonly Step[], at: number | null, picture: string | null): Trail {
  const steps: Step[] = [];
  // Where each step that was read went; one that asks for nothing is the one it came from.
  const places: (number | null)[] = [];
  for (const step of read) {
    const parent = (step.parent === null ? null : places[step.parent]) ?? null;
    if (!step.reference && !step.wishes.length) places.push(parent);
    else places.push(steps.push({ ...step, parent: parent ?? lastOf(steps) }) - 1);
  }
  const shown = (at === null ? null : places[at - 1]) ?? lastOf(steps);
  return shown === null ? EMPTY : { steps, at: shown, picture };
}

function lastOf(steps: readonly Step[]): number | null {
  return steps.length ? steps.length - 1 : null;
}

function referenceEntry(reference: Reference): [string, string] {
  switch (reference.kind) {
    case "product":
      return ["product", reference.id];
    case "picture":
      return ["picture", ""];
    case "uri":
      return ["uri", reference.uri];
  }
}

function readReference(name: string, value: string): Reference | null {
  if (name === "product" && value) return { kind: "product", id: value };
  if (name === "picture") return { kind: "picture" };
  if (name === "uri" && value) return { kind: "uri", uri: value };
  return null;
}

function parentOf(value: string, index: number): number | null {
  const parent = wholeNumber(value);
  if (parent !== null && parent >= 1 && parent <= index) return parent - 1;
  return index === 0 ? null : index - 1;
}

function wholeNumber(value: string): number | null {
  return /^\d{1,4}$/.test(value) ? Number(value) : null;
}

function readPicture(hash: string): string | null {
  const [, picture] = /^#picture=([A-Za-z0-9_-]+)$/.exec(hash) ?? [];
  return picture ?? null;
}
