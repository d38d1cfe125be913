import { conditions, without } from "../filters/filters";
import { useText } from "../text/text";
import { current, withoutWish } from "../trail/trail";
import { useView } from "../trail/use-view";
import { conditionName } from "./FilterBar";

/** Nothing matches: each condition and each wish is one press from being taken away. */
export function EmptyNotice() {
  const text = useText();
  const { view, go } = useView();
  const wishes = current(view.trail)?.wishes ?? [];
  const narrowing = conditions(view.filters);
  if (!wishes.length && !narrowing.length) return <p className="empty">{text.emptyCatalog}</p>;
  return (
    <div className="empty">
      <p>
        <strong>{text.nothing}</strong> {text.loosen}
      </p>
      <ul>
        {narrowing.map((condition) => (
          <li key={JSON.stringify(condition)}>
            <button
              type="button"
              className="chip"
              onClick={() => go({ ...view, filters: without(view.filters, condition) })}
            >
              {text.loosenFilter(conditionName(text, condition))}
            </button>
          </li>
        ))}
        {wishes.map((wish, index) => (
          <li key={wish}>
            <button
              type="button"
              className="chip"
              onClick={() => go({ ...view, trail: withoutWish(view.trail, index) })}
            >
              {text.loosenWish(wish)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
