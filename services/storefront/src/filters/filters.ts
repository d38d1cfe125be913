// What a shopper narrows the catalog to.

import type { Filter } from "../api/client";

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

export interface Filters {
  /** field -> the values of which a product has one. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** field -> bounds, inclusive. */
  readonly ranges: Readonly<Record<string, Range>>;
}

export const NO_FILTERS: Filters = { values: {}, ranges: {} };

/** One condition, as it is shown and taken away. */
export type Condition =
  | { readonly field: string; readonly value: string }
  | { readonly field: string; readonly range: Range };

export function conditions(filters: Filters): Condition[] {
  return [
    ...Object.entries(filters.values).flatMap(([field, values]) =>
      values.map((value) => ({ field, value })),
    ),
    ...Object.entries(filters.ranges).map(([field, range]) => ({ field, range })),
  ];
}

export function without(filters: Filters, condition: Condition): Filters {
  return "value" in condition
    ? toggle(filters, condition.field, condition.value)
    : withRange(filters, condition.field, {});
}

export function toggle(filters: Filters, field: string, value: string): Filters {
  const chosen = filters.values[field] ?? [];
  const values = chosen.includes(value)
    ? chosen.filter((other) => other !== value)
    : [...chosen, value];
  const { [field]: _, ...others } = filters.values;
  return { ...filters, values: values.length ? { ...others, [field]: values } : others };
}

/** Bounds on a number; none at all without either end. */
export function withRange(filters: Filters, field: string, range: Range): Filters {
  const { [field]: _, ...others } = filters.ranges;
  const bounded = range.min !== undefined || range.max !== undefined;
  return { ...filters, ranges: bounded ? { ...others, [field]: range } : others };
}

/** The API's filter; undefined where nothing is chosen. */
export function asFilter(filters: Filters): Filter | undefined {
  const all: Filter[] = [
    ...Object.entries(filters.values).map(([field, values]) => ({ field, any_of: [...values] })),
    ...Object.entries(filters.ranges).map(([field, range]) => ({ field, ...range })),
  ];
  return all.length ? { all } : undefined;
}
