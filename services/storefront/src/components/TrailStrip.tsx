import { Link } from "react-router";
import { useText } from "../text/text";
import { goTo, modification, path, sameReference, type Trail } from "../trail/trail";
import { results, useView } from "../trail/use-view";
import { ReferenceThumb } from "./ReferenceThumb";

/** Every step of the trail; the one that is shown, those on the way to it, and other branches. */
export function TrailStrip() {
  const text = useText();
  const { view } = useView();
  const { trail } = view;
  if (trail.steps.length < 2) return null;
  const way = new Set(path(trail));
  return (
    <nav className="trail" aria-label={text.trail}>
      <ol>
        {trail.steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place in the trail
          <li key={index} className={way.has(index) ? "on-the-way" : ""}>
            <Link
              to={results({ ...view, trail: goTo(trail, index) })}
              aria-current={index === trail.at ? "step" : undefined}
            >
              <ReferenceThumb reference={step.reference} picture={trail.picture} />
              <span className="said">
                <span className="unseen">{text.step(index + 1)}</span>
                {said(trail, index) || text.asItIs}
              </span>{" "}
              {step.parent !== null && step.parent !== index - 1 && (
                <span className="branch">{text.branch(step.parent + 1)}</span>
              )}
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** What a step added to the one it came from, or all its wishes where it is about another thing. */
function said({ steps }: Trail, index: number): string {
  const step = steps[index];
  if (!step) return "";
  const parent = step.parent === null ? undefined : steps[step.parent];
  if (!parent || !sameReference(parent.reference, step.reference)) return modification(step);
  const added = step.wishes.filter((wish) => !parent.wishes.includes(wish));
  return added.length ? added.join(", ") : modification(step);
}
