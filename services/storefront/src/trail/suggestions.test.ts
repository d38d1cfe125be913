import { describe, expect, it } from "vitest";
import type { Facet } from "../api/client";
import { productNamed } from "../test-harness";
import { shared, suggest } from "./suggestions";

function facet(field: string, ...values: (string | boolean)[]): Facet {
  const counted = values.map((value, index) => ({ value, count: 10 - index }));
  return { field, values: counted, range: null };
}

function wordsFor(basis: Parameters<typeof suggest>[0], alike: Facet[], wishes: string[] = []) {
  return suggest(basis, alike, [], wishes).map(({ words }) => words);
}

describe("suggestions", () => {
  it("are what the catalog has of the category and the reference has not", () => {
    const colors = facet("color", "red", "black", "blue");
    expect(suggest({ color: "black" }, [colors], [], [])).toEqual([
      {
        field: "color",
        value: "red",
        words: "in red",
        contradicts: ["in red", "in black", "in blue"],
      },
      {
        field: "color",
        value: "blue",
        words: "in blue",
        contradicts: ["in red", "in black", "in blue"],
      },
    ]);
  });

  it("leave out all values of a reference that has several", () => {
    expect(wordsFor({ color: ["red", "black"] }, [facet("color", "red", "black", "blue")])).toEqual(
      ["in blue"],
    );
  });

  it("say nothing of a field that the reference or the catalog does not have", () => {
    expect(wordsFor({}, [facet("color", "red")])).toEqual([]);
    expect(wordsFor({ color: "red" }, [])).toEqual([]);
    expect(
      wordsFor({ hood: false, brand: "a" }, [facet("hood", true), facet("brand", "b")]),
    ).toEqual([]);
  });

  it("are in words that a person would say", () => {
    const said = (field: string, ...values: string[]) =>
      wordsFor({ [field]: "other" }, [facet(field, ...values)]);
    expect(said("sleeve", "none", "long")).toEqual(["without sleeves", "with long sleeves"]);
    expect(said("length", "knee")).toEqual(["knee length"]);
    expect(said("length", "long")).toEqual(["long in length"]);
    expect(said("pattern", "striped", "plain")).toEqual(["with stripes", "plain"]);
    expect(said("pattern", "floral", "dotted")).toEqual(["with flowers", "with dots"]);
  });

  it("name other categories of the whole catalog with the right article", () => {
    const alike = [facet("category", "coat")];
    const named = (...values: string[]) =>
      suggest({ category: "coat" }, alike, [facet("category", "coat", ...values)], []).map(
        ({ words }) => words,
      );
    expect(named("dress", "jeans")).toEqual(["as a dress", "as jeans"]);
    expect(named("anorak", "hat")).toEqual(["as an anorak", "as a hat"]);
  });

  it("are the most frequent ones, so many of each field", () => {
    const colors = ["red", "blue", "green", "pink", "navy", "gray"];
    expect(wordsFor({ color: "black" }, [facet("color", ...colors)])).toEqual([
      "in red",
      "in blue",
      "in green",
      "in pink",
    ]);
  });

  it("leave out what was said, as a word of its own", () => {
    const colors = [facet("color", "red", "blue")];
    expect(wordsFor({ color: "black" }, colors, ["In RED, please"])).toEqual(["in blue"]);
    expect(wordsFor({ color: "black" }, colors, ["a bored tailored redder look"])).toEqual([
      "in red",
      "in blue",
    ]);
  });

  it("take values of any characters", () => {
    expect(wordsFor({ color: "x" }, [facet("color", "a+b (c", "constructor")], ["a+b (c"])).toEqual(
      ["in constructor"],
    );
    expect(wordsFor({ pattern: "x" }, [facet("pattern", "constructor")])).toEqual(["constructor"]);
  });
});

describe("what products share", () => {
  it("is what more than half of them have", () => {
    const products = [
      productNamed("1", { color: "red", category: "coat", hood: true, price: 5 }),
      productNamed("2", { color: "red", category: "coat", hood: true }),
      productNamed("3", { color: "blue", category: "coat", hood: false }),
      productNamed("4", { color: "blue", category: "dress", hood: true, tags: ["a"] }),
    ];
    expect(shared(products)).toEqual({ category: "coat", hood: true });
  });

  it("is nothing of none, and nothing of those that tell nothing", () => {
    expect(shared([])).toEqual({});
    expect(shared([productNamed("1"), productNamed("2", { tags: ["a", "b"] })])).toEqual({});
  });

  it("does not take a word for the number that looks like it", () => {
    const products = [productNamed("1", { size: "5" }), productNamed("2", { size: 5 })];
    expect(shared(products)).toEqual({});
  });
});
