import { type FormEvent, useId, useState } from "react";
import type { Facet } from "../api/client";
import { asFilter, type Range, toggle, withRange } from "../filters/filters";
import { useFacets } from "../results/use-products";
import { fieldName, valueName } from "../text/names";
import { useText } from "../text/text";
import { useView } from "../trail/use-view";

const VALUE_FIELDS = ["category", "color", "brand"];
const RANGE_FIELDS = ["price"];
const SHOWN_AT_FIRST = 12;

/** What the index really has of category, color, brand and price, to choose from. */
export function FilterPanel() {
  const { view, go } = useView();
  const facets = useFacets(asFilter(view.filters));
  const named = (field: string) => facets.find((facet) => facet.field === field);
  return (
    <div className="filter-panel">
      {VALUE_FIELDS.map((field) => {
        const chosen = view.filters.values[field] ?? [];
        const offered = offer(named(field), chosen);
        if (!offered.length) return null;
        return (
          <ValueChoice
            key={field}
            field={field}
            offered={offered}
            chosen={chosen}
            onToggle={(value) => go({ ...view, filters: toggle(view.filters, field, value) })}
          />
        );
      })}
      {RANGE_FIELDS.map((field) => {
        const offered = named(field)?.range;
        const chosen = view.filters.ranges[field] ?? {};
        if (!offered && chosen.min === undefined && chosen.max === undefined) return null;
        return (
          <RangeChoice
            key={`${field} ${chosen.min} ${chosen.max}`}
            field={field}
            offered={offered ?? {}}
            chosen={chosen}
            onChange={(range) => go({ ...view, filters: withRange(view.filters, field, range) })}
          />
        );
      })}
    </div>
  );
}

interface Offer {
  value: string;
  count: number;
}

/** What is offered, and what is chosen though nothing has it any more. */
function offer(facet: Facet | undefined, chosen: readonly string[]): Offer[] {
  const offered = (facet?.values ?? []).map(({ value, count }) => ({
    value: String(value),
    count,
  }));
  const known = new Set(offered.map(({ value }) => value));
  const lost = chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 }));
  return [...offered, ...lost];
}

interface ValueProps {
  field: string;
  offered: Offer[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
}

function ValueChoice({ field, offered, chosen, onToggle }: ValueProps) {
  const text = useText();
  const [all, setAll] = useState(false);
  const shown = all ? offered : offered.slice(0, SHOWN_AT_FIRST);
  return (
    <fieldset>
      <legend>{fieldName(text, field)}</legend>
      {shown.map(({ value, count }) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={() => onToggle(value)}
          />
          {field === "color" && <span className="swatch" data-color={value} aria-hidden="true" />}
          <span>{valueName(text, value)}</span> <span className="count">{count}</span>
        </label>
      ))}
      {offered.length > SHOWN_AT_FIRST && (
        <button type="button" className="quiet" onClick={() => setAll(!all)}>
          {all ? text.showFewer : text.showAll(offered.length)}
        </button>
      )}
    </fieldset>
  );
}

interface RangeProps {
  field: string;
  offered: Range;
  chosen: Range;
  onChange: (range: Range) => void;
}

/** Two ends, taken over on Enter or when the field is left. */
function RangeChoice({ field, offered, chosen, onChange }: RangeProps) {
  const text = useText();
  const id = useId();
  const name = fieldName(text, field);
  const [least, setLeast] = useState(shown(chosen.min));
  const [most, setMost] = useState(shown(chosen.max));
  const take = (event?: FormEvent) => {
    event?.preventDefault();
    const range = { ...end("min", least), ...end("max", most) };
    if (range.min !== chosen.min || range.max !== chosen.max) onChange(range);
  };
  return (
    <form onSubmit={take}>
      <fieldset>
        <legend>{name}</legend>
        <div className="range">
          <label htmlFor={`${id}min`} className="unseen">
            {text.lowest(name)}
          </label>
          <input
            id={`${id}min`}
            inputMode="decimal"
            placeholder={`${text.from} ${shown(offered.min)}`}
            value={least}
            onChange={(event) => setLeast(event.target.value)}
            onBlur={() => take()}
          />
          <label htmlFor={`${id}max`} className="unseen">
            {text.highest(name)}
          </label>
          <input
            id={`${id}max`}
            inputMode="decimal"
            placeholder={`${text.to} ${shown(offered.max)}`}
            value={most}
            onChange={(event) => setMost(event.target.value)}
            onBlur={() => take()}
          />
        </div>
        {/* Enter needs a button to press, even one that nobody sees. */}
        <button type="submit" hidden>
          {text.showProducts}
        </button>
      </fieldset>
    </form>
  );
}

function shown(end: number | undefined): string {
  return end === undefined ? "" : String(end);
}

function end(name: "min" | "max", typed: string): Range {
  const amount = Number(typed.trim().replace(",", "."));
  return typed.trim() && Number.isFinite(amount) ? { [name]: amount } : {};
}
