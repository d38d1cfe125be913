import { useMemo } from "react";
import { useFacets, useProduct, useResults } from "../results/use-products";
import { useText } from "../text/text";
import type { View } from "../trail/address";
import { type Attributes, type Suggestion, shared, suggest } from "../trail/suggestions";
import { current, type Reference } from "../trail/trail";

/** So many of the best hits tell what a reference without attributes is. */
const LIKE_IT = 8;
const NOTHING: Attributes = {};

/** Wishes that fit the reference, one press away. */
export function Suggestions({
  view,
  onChoose,
}: {
  view: View;
  onChoose: (suggestion: Suggestion) => void;
}) {
  const text = useText();
  const step = current(view.trail);
  const basis = useBasis(view, step?.reference ?? null);
  const category = basis.category;
  const alike = useFacets(
    typeof category === "string" ? { field: "category", any_of: [category] } : undefined,
    typeof category === "string",
  );
  const all = useFacets(undefined);
  const suggestions = suggest(basis, alike, all, step?.wishes ?? []);
  if (!suggestions.length) return null;
  return (
    <ul className="suggestions" aria-label={text.suggestions}>
      {suggestions.map((suggestion) => (
        <li key={suggestion.words}>
          <button type="button" className="chip" onClick={() => onChoose(suggestion)}>
            {text.suggestion(suggestion.field, suggestion.value, suggestion.words)}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** What the reference is: a product says so itself, for all else the best hits do. */
function useBasis(view: View, reference: Reference | null): Attributes {
  const isProduct = reference?.kind === "product";
  const { data: product } = useProduct(isProduct ? reference.id : null);
  const { products } = useResults(view);
  return useMemo(() => {
    if (isProduct) return product?.attributes ?? NOTHING;
    return products.length ? shared(products.slice(0, LIKE_IT)) : NOTHING;
  }, [isProduct, product, products]);
}
