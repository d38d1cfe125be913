import { describe, expect, it } from "vitest";
import { ApiFailure } from "../api/failure";
import { type Filters, NO_FILTERS } from "../filters/filters";
import { answering, hitsOf, listOf, productNamed } from "../test-harness";
import { EMPTY, fromPicture, fromUri, goTo, likeProduct, type Trail, wish } from "../trail/trail";
import { ask, PAGE_SIZE, questionOf } from "./question";

const RED: Filters = { values: { color: ["red"] }, ranges: {} };
const RED_ONLY = { all: [{ field: "color", any_of: ["red"] }] };
const { signal } = new AbortController();

function wantedFrom(trail: Trail) {
  return questionOf("mine", { trail, filters: NO_FILTERS }).wanted;
}

describe("a question", () => {
  it("lists the catalog where nothing is wanted", () => {
    expect(questionOf("mine", { trail: EMPTY, filters: RED })).toEqual({
      catalog: "mine",
      filter: RED_ONLY,
      wanted: null,
      pictureMissing: false,
    });
  });

  it("is about the step that is shown", () => {
    const trail = wish(wish(likeProduct(EMPTY, "p-1"), "in red"), "with a hood");
    const reference = { product_id: "p-1" };
    expect(wantedFrom(trail)).toEqual({ reference, words: "in red, with a hood" });
    expect(wantedFrom(goTo(trail, 0))).toEqual({ reference, words: "" });
  });

  it("is of words alone, where there is no reference", () => {
    expect(wantedFrom(wish(EMPTY, "a red dress"))).toEqual({
      reference: null,
      words: "a red dress",
    });
  });

  it("has the picture in the API's base64, or its address", () => {
    const content = { reference: { image: { content: "a-_w".replace("-_", "+/") } }, words: "" };
    expect(wantedFrom(fromPicture(EMPTY, "a-_w"))).toEqual(content);
    const uri = "https://pictures.example/a.jpg";
    expect(wantedFrom(fromUri(EMPTY, uri))).toEqual({ reference: { image: { uri } }, words: "" });
  });

  it("lacks its picture only where the step that is shown speaks of one", () => {
    const lost = { ...wish(fromPicture(EMPTY, "AbC"), "in red"), picture: null };
    const missing = (trail: Trail) => questionOf("mine", { trail, filters: RED }).pictureMissing;
    expect(missing(lost)).toBe(true);
    expect(missing(likeProduct(lost, "p-1"))).toBe(false);
    expect(missing(fromPicture(EMPTY, "AbC"))).toBe(false);
  });
});

describe("asking", () => {
  it("lists with the filter and the page's token", async () => {
    const calls = answering({ "GET /v1/products": () => listOf([productNamed("p-1")]) });
    const page = await ask(questionOf("mine", { trail: EMPTY, filters: RED }), "token", signal);
    expect(page.products.map(({ id }) => id)).toEqual(["p-1"]);
    expect(Object.fromEntries(calls[0]?.query ?? [])).toEqual({
      catalog: "mine",
      filter: JSON.stringify(RED_ONLY),
      page_size: String(PAGE_SIZE),
      page_token: "token",
    });
  });

  it("searches with the reference, the words, the filter and the page's token", async () => {
    const calls = answering({ "POST /v1/products:search": () => hitsOf([productNamed("p-2")]) });
    const trail = wish(likeProduct(EMPTY, "p-1"), "in red");
    const page = await ask(questionOf("mine", { trail, filters: RED }), "token", signal);
    expect(page.products.map(({ id }) => id)).toEqual(["p-2"]);
    expect(JSON.parse(calls[0]?.body ?? "")).toEqual({
      catalog: "mine",
      reference: { product_id: "p-1" },
      modification: "in red",
      filter: RED_ONLY,
      page_size: PAGE_SIZE,
      page_token: "token",
    });
  });

  it("does not ask without the picture that it is about", async () => {
    const calls = answering({ "POST /v1/products:search": () => hitsOf([]) });
    const trail = { ...wish(fromPicture(EMPTY, "AbC"), "in red"), picture: null };
    const failure = await ask(questionOf("mine", { trail, filters: RED }), "", signal).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ApiFailure);
    expect(failure).toMatchObject({ reason: "PICTURE_MISSING", passes: false });
    expect(calls).toEqual([]);
  });
});
