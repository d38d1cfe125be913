// A shopper's way through the catalog: steps, each with a reference and wishes. A step knows the
// one it came from, so the steps are a tree, and a shopper stands at one of them.

export type Reference =
  | { readonly kind: "product"; readonly id: string }
  /** The shopper's own picture: a trail has at most one, `Trail.picture`. */
  | { readonly kind: "picture" }
  | { readonly kind: "uri"; readonly uri: string };

export interface Step {
  /** Index of the step that this one came from. */
  readonly parent: number | null;
  readonly reference: Reference | null;
  /** What should be different; without a reference, what is looked for. */
  readonly wishes: readonly string[];
}

export interface Trail {
  readonly steps: readonly Step[];
  /** Index of the step that is shown; null where there is none. */
  readonly at: number | null;
  /** The shopper's picture: an encoded image in base64url (RFC 4648, 5). */
  readonly picture: string | null;
}

export const EMPTY: Trail = { steps: [], at: null, picture: null };

/** An address has to fit where it is shared; beyond this, other branches are left behind. */
export const MAX_STEPS = 40;

export function current(trail: Trail): Step | null {
  return trail.at === null ? null : (trail.steps[trail.at] ?? null);
}

/** The words that the API is asked with. */
export function modification(step: Step): string {
  return step.wishes.join(", ");
}

/** A new trail from the shopper's own picture; wishes said without a reference stay. */
export function fromPicture(trail: Trail, picture: string): Trail {
  return begin(trail, { kind: "picture" }, picture);
}

/** A new trail from a picture's address. */
export function fromUri(trail: Trail, uri: string): Trail {
  return begin(trail, { kind: "uri", uri }, null);
}

/** "Like this, but…": a step to a product of the catalog. */
export function likeProduct(trail: Trail, id: string): Trail {
  return after(trail, { kind: "product", id }, []);
}

/** A further wish about the same reference, in the place of those that it contradicts. */
export function wish(trail: Trail, words: string, contradicted: readonly string[] = []): Trail {
  const said = words.trim();
  const here = current(trail);
  const kept = (here?.wishes ?? []).filter((other) => !contradicted.includes(other));
  if (!said || kept.includes(said)) return trail;
  return after(trail, here?.reference ?? null, [...kept, said]);
}

/** The same without one wish; without the last one of no reference there is nothing left. */
export function withoutWish(trail: Trail, index: number): Trail {
  const here = current(trail);
  if (!here) return trail;
  const wishes = here.wishes.filter((_, position) => position !== index);
  if (wishes.length === 0 && here.reference === null) return EMPTY;
  return after(trail, here.reference, wishes);
}

/** The wishes alone. */
export function withoutReference(trail: Trail): Trail {
  const here = current(trail);
  if (!here?.wishes.length) return EMPTY;
  return { steps: [{ parent: null, reference: null, wishes: here.wishes }], at: 0, picture: null };
}

/** Back, or across, to a step of the trail. */
export function goTo(trail: Trail, index: number): Trail {
  return index in trail.steps ? { ...trail, at: index } : trail;
}

/** Indices from the beginning to the step that is shown. */
export function path(trail: Trail): number[] {
  const indices: number[] = [];
  for (let at = trail.at; at !== null; at = trail.steps[at]?.parent ?? null) indices.unshift(at);
  return indices;
}

export function sameReference(one: Reference | null, other: Reference | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function begin(trail: Trail, reference: Reference, picture: string | null): Trail {
  const here = current(trail);
  const wishes = here && !here.reference ? here.wishes : [];
  return { steps: [{ parent: null, reference, wishes }], at: 0, picture };
}

function after(trail: Trail, reference: Reference | null, wishes: readonly string[]): Trail {
  const step: Step = { parent: trail.at, reference, wishes };
  const known = trail.steps.findIndex(
    (other) =>
      other.parent === step.parent &&
      sameReference(other.reference, reference) &&
      JSON.stringify(other.wishes) === JSON.stringify(wishes),
  );
  if (known >= 0) return goTo(trail, known);
  const kept = trail.steps.length < MAX_STEPS ? trail : ownPath(trail);
  const steps = [...kept.steps, { ...step, parent: kept.at }];
  return { ...kept, steps, at: steps.length - 1 };
}

/** The way to the step that is shown, the other branches and if need be its beginning cut off. */
function ownPath(trail: Trail): Trail {
  const steps = path(trail)
    .slice(-(MAX_STEPS - 1))
    .flatMap((index) => trail.steps[index] ?? [])
    .map((step, index) => ({ ...step, parent: index === 0 ? null : index - 1 }));
  return { ...trail, steps, at: steps.length - 1 };
}
