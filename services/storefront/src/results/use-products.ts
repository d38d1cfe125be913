import { skipToken, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Facet, type Filter, facets, type Product, product } from "../api/client";
import { useConfig } from "../config";
import type { View } from "../trail/address";
import { ask, type Question, questionOf } from "./question";

/** The products of a question, page after page. A question that another overtakes is cancelled. */
export function useProducts(question: Question) {
  const query = useInfiniteQuery({
    queryKey: ["products", question],
    queryFn: ({ pageParam, signal }) => ask(question, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
  });
  const products = useMemo(
    () => distinct(query.data?.pages.flatMap((page) => page.products)),
    [query.data],
  );
  const degraded = query.data?.pages.some((page) => page.degraded) ?? false;
  return { ...query, products, degraded };
}

export function useResults(view: View) {
  const { catalog } = useConfig();
  return useProducts(useMemo(() => questionOf(catalog, view), [catalog, view]));
}

/** One product; nothing without an id. */
export function useProduct(id: string | null) {
  const { catalog } = useConfig();
  return useQuery({
    queryKey: ["product", catalog, id],
    queryFn: id === null ? skipToken : ({ signal }) => product(catalog, id, signal),
  });
}

const NONE: Facet[] = [];

/** What the products have that pass the filter; nothing until it is known. */
export function useFacets(filter: Filter | undefined, enabled = true): Facet[] {
  const { catalog } = useConfig();
  const query = useQuery({
    queryKey: ["facets", catalog, filter ?? null],
    queryFn: enabled ? ({ signal }) => facets(catalog, filter, signal) : skipToken,
    placeholderData: (previous) => previous,
  });
  return (enabled && query.data) || NONE;
}

/** A page of a ranking that had to be made again may repeat a product: it is shown once. */
function distinct(products: readonly Product[] = []): Product[] {
  return [...new Map(products.map((one) => [one.id, one])).values()];
}
