// How a catalog's own names and values are shown.

import type { Product } from "../api/client";
import type { Text } from "./en";

export type Scalar = string | number | boolean;

/** An entry of a dictionary; a word such as "constructor" finds none that it was not given. */
export function entry<T>(entries: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(entries, key) ? entries[key] : undefined;
}

export function fieldName(text: Text, field: string): string {
  return entry(text.fields, field) ?? field.replaceAll("_", " ");
}

export function valueName(text: Text, value: Scalar): string {
  if (typeof value === "boolean") return value ? text.yes : text.no;
  return entry(text.values, String(value)) ?? String(value);
}

/** An amount of a product's currency, or of none that the browser knows. */
export function money(text: Text, amount: number, currency?: unknown): string {
  const options = typeof currency === "string" ? { style: "currency" as const, currency } : {};
  try {
    return new Intl.NumberFormat(text.nativeLocale, options).format(amount);
  } catch {
    return new Intl.NumberFormat(text.nativeLocale).format(amount);
  }
}

export function price(text: Text, { attributes }: Product): string {
  const amount = attributes?.price;
  if (typeof amount !== "number") return typeof amount === "string" ? amount : "";
  return money(text, amount, attributes?.currency);
}

export function title(product: Product): string {
  return product.title || product.id;
}
