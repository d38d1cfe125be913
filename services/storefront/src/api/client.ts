// The calls of Recompose's REST API that the shop window makes. Types come from the gateway's
// OpenAPI document (`npm run types`); every failure is an ApiFailure.

import createClient from "openapi-fetch";
import { ApiFailure, failureOf } from "./failure";
import type { components, paths } from "./schema";

export type Product = components["schemas"]["Product"];
export type Filter = components["schemas"]["Filter"];
export type Facet = components["schemas"]["Facet"];
export type Reference = components["schemas"]["Reference"];
export type SearchQuery = components["schemas"]["SearchQuery"];

/** A page of products, whether searched for or listed. */
export interface Page {
  products: Product[];
  /** Token of the page after this one; empty on the last. */
  next: string;
  /** A part of the service was missing: the answer may be poorer. */
  degraded: boolean;
}

// `fetch` is looked up at each call, so that what replaces it later is used.
const client = createClient<paths>({ fetch: (request) => globalThis.fetch(request) });

export async function search(query: SearchQuery, signal?: AbortSignal): Promise<Page> {
  const answer = await ask(client.POST("/v1/products:search", { body: query, ...given(signal) }));
  return {
    products: answer.hits.map((hit) => hit.product),
    next: answer.next_page_token,
    degraded: answer.degraded,
  };
}

export interface Listing {
  catalog: string;
  filter: Filter | undefined;
  page_size: number;
  page_token: string;
}

export async function list(listing: Listing, signal?: AbortSignal): Promise<Page> {
  const { filter, ...page } = listing;
  const query = { ...page, ...asJson(filter) };
  const answer = await ask(client.GET("/v1/products", { params: { query }, ...given(signal) }));
  return { products: answer.products, next: answer.next_page_token, degraded: false };
}

export async function product(catalog: string, id: string, signal?: AbortSignal): Promise<Product> {
  const params = { path: { id }, query: { catalog } };
  return ask(client.GET("/v1/products/{id}", { params, ...given(signal) }));
}

/** What products have; each field is counted as if the filter said nothing of it. */
export async function facets(
  catalog: string,
  filter: Filter | undefined,
  signal?: AbortSignal,
): Promise<Facet[]> {
  const query = { catalog, multi_select: true, ...asJson(filter) };
  const params = { query };
  return (await ask(client.GET("/v1/products:facets", { params, ...given(signal) }))).facets;
}

/**
 * Offer a file that the browser could not read as a picture. The API knows best what is wrong
 * with it and says so by its failure.
 */
export async function offer(catalog: string, file: Blob): Promise<void> {
  const form = new FormData();
  form.append("image", file, "picture");
  form.append("request", JSON.stringify({ catalog, page_size: 1, view: "basic" }));
  await ask(client.POST("/v1/products:search", { body: {}, bodySerializer: () => form }));
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    // A SyntaxError is an answer that is no JSON; all else means that none came.
    throw new ApiFailure(error instanceof SyntaxError ? "UNREADABLE" : "UNREACHABLE");
  }
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  throw failureOf(answer.response, answer.error);
}

/** In a query string a filter is JSON. */
function asJson(filter: Filter | undefined): { filter?: string } {
  return filter ? { filter: JSON.stringify(filter) } : {};
}

function given(signal: AbortSignal | undefined) {
  return signal ? { signal } : {};
}
