import { useCallback, useMemo } from "react";
import { type To, useLocation, useNavigate } from "react-router";
import { read, type View, write } from "./address";
import { current, sameReference } from "./trail";

/** What the address tells, and how to go somewhere else. */
export function useView() {
  const { search, hash } = useLocation();
  const navigate = useNavigate();
  const view = useMemo(() => read({ search, hash }), [search, hash]);
  const go = useCallback(
    (next: View) => {
      const [before, after] = [current(view.trail)?.reference, current(next.trail)?.reference];
      // A new reference asks to be spoken about: the words' field takes the focus.
      const choosing = after && !sameReference(before ?? null, after);
      // At once: a box that was ticked must not spring back until the products are there.
      navigate(results(next), { state: choosing ? { choosing } : null, flushSync: true });
    },
    [navigate, view],
  );
  return { view, go };
}

/** Where a view's products are. */
export function results(view: View): To {
  return { pathname: "/", ...write(view) };
}

/** Where a product is, the way to it kept. */
export function productPage(view: View, id: string): To {
  return { pathname: `/products/${encodeURIComponent(id)}`, ...write(view) };
}
