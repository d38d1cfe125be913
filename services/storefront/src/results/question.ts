// From what an address tells to what the API is asked.

import { type Filter, list, type Page, type Reference, search } from "../api/client";
import { ApiFailure } from "../api/failure";
import { asFilter } from "../filters/filters";
import { base64 } from "../picture/base64";
import type { View } from "../trail/address";
import { current, modification, type Step, type Trail } from "../trail/trail";

export const PAGE_SIZE = 24;

/** A question whose pages can be asked for; plain data, so that equal ones share an answer. */
export interface Question {
  readonly catalog: string;
  readonly filter: Filter | null;
  /** Null lists the catalog. */
  readonly wanted: { readonly reference: Reference | null; readonly words: string } | null;
  /** An address that lacks the picture it speaks of cannot be asked for. */
  readonly pictureMissing: boolean;
}

export function questionOf(catalog: string, { trail, filters }: View): Question {
  const step = current(trail);
  return {
    catalog,
    filter: asFilter(filters) ?? null,
    wanted: step && { reference: referenceOf(step, trail), words: modification(step) },
    pictureMissing: step?.reference?.kind === "picture" && trail.picture === null,
  };
}

export async function ask(question: Question, token: string, signal: AbortSignal): Promise<Page> {
  if (question.pictureMissing) throw new ApiFailure("PICTURE_MISSING", 400);
  const { catalog, filter, wanted } = question;
  const page = { catalog, page_size: PAGE_SIZE, page_token: token };
  if (!wanted) return list({ ...page, filter: filter ?? undefined }, signal);
  const { reference, words: modification } = wanted;
  return search({ ...page, filter, reference, modification }, signal);
}

function referenceOf({ reference }: Step, { picture }: Trail): Reference | null {
  switch (reference?.kind) {
    case "product":
      return { product_id: reference.id };
    case "picture":
      return picture ? { image: { content: base64(picture) } } : null;
    case "uri":
      return { image: { uri: reference.uri } };
    default:
      return null;
  }
}
