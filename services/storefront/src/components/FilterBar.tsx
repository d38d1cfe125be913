import { useEffect, useRef, useState } from "react";
import { type Condition, conditions, NO_FILTERS, without } from "../filters/filters";
import type { Text } from "../text/en";
import { fieldName, money, valueName } from "../text/names";
import { useText } from "../text/text";
import { useView } from "../trail/use-view";
import { FilterPanel } from "./FilterPanel";
import { Icon } from "./Icon";

/** The chosen filters, and on a narrow screen the way to all of them. */
export function FilterBar() {
  const text = useText();
  const { view, go } = useView();
  const chosen = conditions(view.filters);
  return (
    <div className="filter-bar">
      <FilterDialog count={chosen.length} />
      {chosen.map((condition) => {
        const name = conditionName(text, condition);
        return (
          <button
            key={JSON.stringify(condition)}
            type="button"
            className="chip chosen"
            aria-label={text.removeFilter(name)}
            onClick={() => go({ ...view, filters: without(view.filters, condition) })}
          >
            {name}
            <Icon name="close" />
          </button>
        );
      })}
      {chosen.length > 1 && (
        <button
          type="button"
          className="quiet"
          onClick={() => go({ ...view, filters: NO_FILTERS })}
        >
          {text.clearFilters}
        </button>
      )}
    </div>
  );
}

export function conditionName(text: Text, condition: Condition): string {
  if ("value" in condition) return valueName(text, condition.value);
  const { min, max } = condition.range;
  const [least, most] = [min, max].map((end) => end !== undefined && money(text, end));
  const bounds =
    least && most
      ? text.between(least, most)
      : least
        ? text.atLeast(least)
        : text.atMost(most || "");
  return `${fieldName(text, condition.field)} ${bounds}`;
}

function FilterDialog({ count }: { count: number }) {
  const text = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <div className="filter-dialog">
      <button type="button" onClick={() => setOpen(true)}>
        <Icon name="filter" />
        {text.openFilters(count)}
      </button>
      <dialog ref={dialog} aria-label={text.filters} onClose={() => setOpen(false)}>
        {open && (
          <>
            <FilterPanel />
            <button type="button" className="primary" onClick={() => setOpen(false)}>
              {text.showProducts}
            </button>
          </>
        )}
      </dialog>
    </div>
  );
}
