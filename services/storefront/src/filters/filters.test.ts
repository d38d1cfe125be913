import { describe, expect, it } from "vitest";
import {
  asFilter,
  conditions,
  type Filters,
  NO_FILTERS,
  toggle,
  without,
  withRange,
} from "./filters";

const CHOSEN: Filters = {
  values: { color: ["red", "blue"], brand: ["north"] },
  ranges: { price: { min: 10, max: 60 } },
};

describe("values", () => {
  it("are chosen and taken back", () => {
    const red = toggle(NO_FILTERS, "color", "red");
    expect(red).toEqual({ values: { color: ["red"] }, ranges: {} });
    expect(toggle(red, "color", "blue").values).toEqual({ color: ["red", "blue"] });
    expect(toggle(red, "color", "red")).toEqual(NO_FILTERS);
  });

  it("leave others as they are", () => {
    expect(toggle(CHOSEN, "color", "red")).toEqual({
      ...CHOSEN,
      values: { color: ["blue"], brand: ["north"] },
    });
    expect(CHOSEN.values.color).toEqual(["red", "blue"]);
  });
});

describe("ranges", () => {
  it("take the place of the one before", () => {
    const cheap = withRange(CHOSEN, "price", { max: 20 });
    expect(cheap).toEqual({ ...CHOSEN, ranges: { price: { max: 20 } } });
    expect(withRange(cheap, "weight", { min: 0 }).ranges).toEqual({
      price: { max: 20 },
      weight: { min: 0 },
    });
  });

  it("are none without an end", () => {
    expect(withRange(CHOSEN, "price", {}).ranges).toEqual({});
  });
});

describe("conditions", () => {
  it("are shown one by one", () => {
    expect(conditions(CHOSEN)).toEqual([
      { field: "color", value: "red" },
      { field: "color", value: "blue" },
      { field: "brand", value: "north" },
      { field: "price", range: { min: 10, max: 60 } },
    ]);
    expect(conditions(NO_FILTERS)).toEqual([]);
  });

  it("leave nothing once each is taken away", () => {
    const left = conditions(CHOSEN).reduce(without, CHOSEN);
    expect(left).toEqual(NO_FILTERS);
    const price = conditions(CHOSEN)[3];
    expect(price && without(CHOSEN, price)).toEqual({ ...CHOSEN, ranges: {} });
  });
});

describe("the API's filter", () => {
  it("asks for all fields, and for one of a field's values", () => {
    expect(asFilter(CHOSEN)).toEqual({
      all: [
        { field: "color", any_of: ["red", "blue"] },
        { field: "brand", any_of: ["north"] },
        { field: "price", min: 10, max: 60 },
      ],
    });
    expect(asFilter(withRange(NO_FILTERS, "price", { min: 0 }))).toEqual({
      all: [{ field: "price", min: 0 }],
    });
  });

  it("is none where nothing is chosen", () => {
    expect(asFilter(NO_FILTERS)).toBeUndefined();
  });
});
