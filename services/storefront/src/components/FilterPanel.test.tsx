import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { Facet } from "../api/client";
import { type Filters, NO_FILTERS } from "../filters/filters";
import { answering, facetsOf, show } from "../test-harness";
import { en } from "../text/en";
import { EMPTY, wish } from "../trail/trail";
import { FilterPanel } from "./FilterPanel";

const TRAIL = wish(EMPTY, "a dress");
const PRICE: Facet = { field: "price", values: [], range: { min: 5, max: 90 } };

function facet(field: string, ...values: string[]): Facet {
  const counted = values.map((value, index) => ({ value, count: 100 - index }));
  return { field, values: counted, range: null };
}

async function open(filters: Filters, ...facets: Facet[]) {
  const calls = answering({ "GET /v1/products:facets": () => facetsOf(...facets) });
  const shown = show(<FilterPanel />, { trail: TRAIL, filters });
  await screen.findAllByRole("group");
  return { ...shown, calls };
}

const boxes = (field: string) =>
  within(screen.getByRole("group", { name: field }))
    .getAllByRole("checkbox")
    .map((box) => box.closest("label")?.textContent);

describe("values", () => {
  it("are those that the catalog has, with their numbers, in the panel's order", async () => {
    await open(NO_FILTERS, facet("color", "red", "blue"), facet("category", "coat"), PRICE);
    const names = screen.getAllByRole("group").map((group) => group.querySelector("legend"));
    expect(names.map((name) => name?.textContent)).toEqual(["Category", "Color", "Price"]);
    expect(boxes("Color")).toEqual(["red 100", "blue 99"]);
  });

  it("are chosen and taken back, the trail kept", async () => {
    const { user, view, calls } = await open(NO_FILTERS, facet("color", "red", "blue"));
    await user.click(screen.getByRole("checkbox", { name: /red/ }));
    expect(view()).toEqual({ trail: TRAIL, filters: { values: { color: ["red"] }, ranges: {} } });
    expect(screen.getByRole("checkbox", { name: /red/ })).toBeChecked();
    expect(screen.getByRole("checkbox", { name: /blue/ })).not.toBeChecked();
    expect(JSON.parse(calls.at(-1)?.query.get("filter") ?? "")).toEqual({
      all: [{ field: "color", any_of: ["red"] }],
    });
    await user.click(screen.getByRole("checkbox", { name: /red/ }));
    expect(view().filters).toEqual(NO_FILTERS);
  });

  it("can be taken back when nothing has them any more", async () => {
    const chosen = { values: { color: ["red", "teal"] }, ranges: {} };
    const { user, view } = await open(chosen, facet("color", "red"));
    expect(await screen.findByRole("checkbox", { name: "red 100" })).toBeChecked();
    const lost = screen.getByRole("checkbox", { name: /teal/ });
    expect(lost).toBeChecked();
    expect(lost.closest("label")).toHaveTextContent("teal 0");
    await user.click(lost);
    expect(view().filters.values).toEqual({ color: ["red"] });
    expect(screen.queryByRole("checkbox", { name: /teal/ })).toBeNull();
  });

  it("can be taken back when the field itself is gone", async () => {
    const { user, view } = await open({ values: { brand: ["north"] }, ranges: {} });
    await user.click(screen.getByRole("checkbox", { name: /north/ }));
    expect(view().filters).toEqual(NO_FILTERS);
    expect(screen.queryByRole("group")).toBeNull();
  });

  it("are shown twelve at first, and all on demand", async () => {
    const brands = Array.from({ length: 15 }, (_, index) => `brand ${index}`);
    const { user } = await open(NO_FILTERS, facet("brand", ...brands));
    expect(boxes("Brand")).toHaveLength(12);
    await user.click(screen.getByRole("button", { name: en.showAll(15) }));
    expect(boxes("Brand")).toHaveLength(15);
    await user.click(screen.getByRole("button", { name: en.showFewer }));
    expect(boxes("Brand")).toHaveLength(12);
  });
});

describe("the price", () => {
  it("shows what there is, and takes bounds on Enter", async () => {
    const { user, view } = await open(NO_FILTERS, PRICE);
    const least = screen.getByRole("textbox", { name: en.lowest("Price") });
    expect(least).toHaveAttribute("placeholder", "from 5");
    await user.type(least, "10,50{Enter}");
    expect(view()).toEqual({
      trail: TRAIL,
      filters: { values: {}, ranges: { price: { min: 10.5 } } },
    });
  });

  it("takes bounds when the field is left, and lets them go when it is emptied", async () => {
    const { user, view } = await open({ values: {}, ranges: { price: { min: 10 } } }, PRICE);
    await user.type(screen.getByRole("textbox", { name: en.highest("Price") }), "60");
    await user.tab();
    expect(view().filters.ranges).toEqual({ price: { min: 10, max: 60 } });
    await user.clear(screen.getByRole("textbox", { name: en.lowest("Price") }));
    await user.tab();
    expect(view().filters.ranges).toEqual({ price: { max: 60 } });
  });

  it("takes nothing that is no number", async () => {
    const { user, view } = await open(NO_FILTERS, PRICE);
    await user.type(screen.getByRole("textbox", { name: en.lowest("Price") }), "cheap{Enter}");
    expect(view().filters).toEqual(NO_FILTERS);
  });
});
