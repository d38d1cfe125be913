// Wishes that fit a reference: what the catalog has of its category and it has not itself.

import type { Facet, Product } from "../api/client";
import { entry, type Scalar } from "../text/names";

export type Attributes = Readonly<Record<string, Scalar | readonly Scalar[]>>;

export interface Suggestion {
  readonly field: string;
  readonly value: string;
  /** What is asked for, in the words that the model was trained on. */
  readonly words: string;
  /** What the same field's other values are asked for with: a thing has one color. */
  readonly contradicts: readonly string[];
}

const PATTERN_NOUNS: Record<string, string> = {
  striped: "stripes",
  checked: "checks",
  dotted: "dots",
  floral: "flowers",
};

/** field -> a value in words, and how many of the field are suggested at once. */
const PHRASES: Record<string, { most: number; words: (value: string) => string }> = {
  color: { most: 4, words: (value) => `in ${value}` },
  sleeve: {
    most: 2,
    words: (value) => (value === "none" ? "without sleeves" : `with ${value} sleeves`),
  },
  length: { most: 1, words: (value) => (value === "knee" ? "knee length" : `${value} in length`) },
  pattern: {
    most: 2,
    words: (value) => {
      const noun = entry(PATTERN_NOUNS, value);
      return noun ? `with ${noun}` : value;
    },
  },
  category: { most: 2, words: (value) => `as ${withArticle(value)}` },
};

/**
 * @param basis attributes of the reference, or what most of the products like it have.
 * @param alike facets of the products of its category.
 * @param all facets of the whole catalog, which name the other categories.
 * @param wishes what was said already.
 */
export function suggest(
  basis: Attributes,
  alike: readonly Facet[],
  all: readonly Facet[],
  wishes: readonly string[],
): Suggestion[] {
  const said = wishes.join(" ").toLowerCase();
  return Object.entries(PHRASES).flatMap(([field, { most, words }]) => {
    const own = basis[field];
    if (own === undefined) return [];
    const facets = field === "category" ? all : alike;
    const values = (facets.find((facet) => facet.field === field)?.values ?? []).map(({ value }) =>
      String(value),
    );
    const contradicts = values.map(words);
    return values
      .filter((value) => ![own].flat().map(String).includes(value) && !mentions(said, value))
      .slice(0, most)
      .map((value) => ({ field, value, words: words(value), contradicts }));
  });
}

/** The values that more than half of some products share, for a reference without attributes. */
export function shared(products: readonly Product[]): Attributes {
  const counts = new Map<string, number>();
  for (const { attributes } of products) {
    for (const [field, value] of Object.entries(attributes ?? {})) {
      if (Array.isArray(value)) continue;
      const entry = JSON.stringify([field, value]);
      counts.set(entry, (counts.get(entry) ?? 0) + 1);
    }
  }
  const common = [...counts].filter(([, count]) => 2 * count > products.length);
  return Object.fromEntries(common.map(([entry]) => JSON.parse(entry)));
}

function mentions(said: string, value: string): boolean {
  return new RegExp(`(^|[^a-z])${value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}([^a-z]|$)`).test(
    said,
  );
}

function withArticle(noun: string): string {
  if (noun.endsWith("s") && !noun.endsWith("ss")) return noun; // jeans, shorts, sneakers
  return `${"aeiou".includes(noun[0] ?? "") ? "an" : "a"} ${noun}`;
}
