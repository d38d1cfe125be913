import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { ApiFailure } from "../api/failure";
import { NO_FILTERS } from "../filters/filters";
import { useResults } from "../results/use-products";
import { answering, facetsOf, failing, hitsOf, listOf, productNamed, show } from "../test-harness";
import type { View } from "../trail/address";
import { EMPTY, likeProduct, wish } from "../trail/trail";
import { useView } from "../trail/use-view";
import { EmptyNotice } from "./EmptyNotice";
import { FilterPanel } from "./FilterPanel";
import { FailureNotice } from "./Notices";
import { ProductFeed } from "./ProductFeed";
import { SearchBox } from "./SearchBox";
import { TrailStrip } from "./TrailStrip";

// jsdom lays nothing out: what is asked for when the end comes near is asked for by the button.
vi.mock("react-intersection-observer", () => ({ useInView: () => ({ ref: null, inView: false }) }));

const NOWHERE: View = { trail: EMPTY, filters: NO_FILTERS };
const LIKE_P7: View = { ...NOWHERE, trail: likeProduct(EMPTY, "p-7") };
const quiet = () =>
  answering({
    "GET /v1/products/p-7": () => Response.json(productNamed("p-7", { color: "red" })),
    "GET /v1/products:facets": () => facetsOf(),
    "POST /v1/products:search": () => hitsOf([productNamed("p-9")]),
    "GET /v1/products": () => listOf([productNamed("p-9")]),
  });

function Feed() {
  const answer = useResults(useView().view);
  return <ProductFeed answer={answer} empty={<p>nothing</p>} />;
}

describe("SearchBox", () => {
  it("adds a wish on Enter, clears the field and asks for more", async () => {
    quiet();
    const { user, view } = show(<SearchBox />, LIKE_P7);
    const field = screen.getByRole("searchbox", { name: "What should be different?" });
    await user.type(field, "  in black {Enter}");
    expect(view().trail.steps.at(-1)?.wishes).toEqual(["in black"]);
    expect(screen.getByRole("searchbox", { name: "What else should be different?" })).toHaveValue(
      "",
    );
    await user.click(screen.getByRole("button", { name: "Take back “in black”" }));
    expect(view().trail.steps[view().trail.at ?? -1]?.wishes).toEqual([]);
  });

  it("asks for nothing where nothing was typed", async () => {
    quiet();
    const { user, view } = show(<SearchBox />, NOWHERE);
    await user.type(screen.getByRole("searchbox"), "   {Enter}");
    expect(view()).toEqual(NOWHERE);
  });

  it("takes a picture's address where the service fetches them, and only there", async () => {
    quiet();
    const { user, view } = show(<SearchBox />, NOWHERE, { imageUris: true });
    await user.type(screen.getByLabelText("Address of a picture"), "https://example.org/a.jpg");
    await user.click(screen.getByRole("button", { name: "Use it" }));
    expect(view().trail.steps[0]?.reference).toEqual({
      kind: "uri",
      uri: "https://example.org/a.jpg",
    });
  });

  it("offers what fits and what the catalog has", async () => {
    answering({
      "GET /v1/products/p-7": () =>
        Response.json(productNamed("p-7", { color: "red", category: "hat" })),
      "GET /v1/products:facets": () =>
        facetsOf({
          field: "color",
          values: [
            { value: "red", count: 9 },
            { value: "blue", count: 4 },
          ],
        }),
      "POST /v1/products:search": () => hitsOf([]),
    });
    const { user, view } = show(<SearchBox />, LIKE_P7);
    await user.click(await screen.findByRole("button", { name: "in blue" }));
    expect(screen.queryByRole("button", { name: "in red" })).not.toBeInTheDocument();
    expect(view().trail.steps.at(-1)?.wishes).toEqual(["in blue"]);
  });
});

describe("TrailStrip", () => {
  it("leads to each step, and says which is shown and where a branch begins", async () => {
    const one = wish(LIKE_P7.trail, "in black");
    const branched = wish({ ...one, at: 0 }, "in red");
    const { user, view } = show(<TrailStrip />, { ...NOWHERE, trail: wish(branched, "with dots") });
    const steps = screen.getAllByRole("link");
    expect(steps.map((step) => step.textContent?.trim())).toEqual([
      "Step 1: as it is",
      "Step 2: in black",
      "Step 3: in red from step 1",
      "Step 4: with dots",
    ]);
    expect(steps[3]).toHaveAttribute("aria-current", "step");
    await user.click(screen.getByRole("link", { name: /Step 2/ }));
    expect(view().trail.at).toBe(1);
    expect(view().trail.steps).toHaveLength(4);
  });

  it("is not there for a single step", () => {
    show(<TrailStrip />, LIKE_P7);
    expect(screen.queryByRole("navigation")).not.toBeInTheDocument();
  });
});

describe("FailureNotice", () => {
  it.each([
    ["IMAGE_NOT_AN_IMAGE", "This file is not a picture."],
    ["IMAGE_TOO_MANY_BYTES", "The picture is too large: 10 MB are the most."],
    ["DEPENDENCY_UNAVAILABLE", "A part of the shop is not available. Try again in a moment."],
    ["A_REASON_OF_TOMORROW", "The shop could not do this."],
    ["constructor", "The shop could not do this."],
  ])("says %s in plain words", (reason, said) => {
    show(<FailureNotice heading="No." failure={new ApiFailure(reason, 422)} />, NOWHERE);
    expect(screen.getByRole("alert")).toHaveTextContent(said);
    expect(screen.queryByRole("button")).not.toBeInTheDocument();
  });

  it("says when to try again, and lets the shopper", async () => {
    const retry = vi.fn();
    const failure = new ApiFailure("OVERLOADED", 429, 7);
    const { user } = show(
      <FailureNotice heading="No." failure={failure} onRetry={retry} />,
      NOWHERE,
    );
    expect(screen.getByRole("alert")).toHaveTextContent("Try again in 7 s.");
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(retry).toHaveBeenCalledOnce();
  });
});

describe("EmptyNotice", () => {
  it("takes away a condition or a wish", async () => {
    const filters = { values: { color: ["red"] }, ranges: { price: { max: 9 } } };
    const { user, view } = show(<EmptyNotice />, { trail: wish(EMPTY, "a hat"), filters });
    expect(screen.getAllByRole("button").map((button) => button.textContent)).toEqual([
      "without red",
      "without Price 9 or less",
      "without “a hat”",
    ]);
    await user.click(screen.getByRole("button", { name: "without red" }));
    expect(view().filters.values).toEqual({});
    await user.click(screen.getByRole("button", { name: "without “a hat”" }));
    expect(view().trail).toEqual(EMPTY);
  });
});

describe("FilterPanel", () => {
  it("lets go of a value that nothing has any more", async () => {
    answering({
      "GET /v1/products:facets": () =>
        facetsOf({ field: "color", values: [{ value: "blue", count: 2 }] }),
    });
    const filters = { values: { color: ["lilac"] }, ranges: {} };
    const { user, view } = show(<FilterPanel />, { ...NOWHERE, filters });
    const group = await screen.findByRole("group", { name: "Color" });
    await user.click(await within(group).findByRole("checkbox", { name: "blue 2" }));
    expect(view().filters.values).toEqual({ color: ["lilac", "blue"] });
    await user.click(within(group).getByRole("checkbox", { name: "lilac 0" }));
    expect(view().filters.values).toEqual({ color: ["blue"] });
  });

  it("takes a price with a comma, and no word for one", async () => {
    const price = { field: "price", values: [], range: { min: 5, max: 99 } };
    answering({ "GET /v1/products:facets": () => facetsOf(price) });
    const { user, view } = show(<FilterPanel />, NOWHERE);
    await user.type(await screen.findByLabelText("Lowest price"), "12,5{Enter}");
    expect(view().filters.ranges).toEqual({ price: { min: 12.5 } });
    await user.type(screen.getByLabelText("Highest price"), "cheap{Enter}");
    expect(view().filters.ranges).toEqual({ price: { min: 12.5 } });
  });
});

describe("ProductFeed", () => {
  const shown = () => screen.getAllByRole("heading").map((heading) => heading.textContent);

  it("shows a product that came twice once", async () => {
    const pages = [
      () => listOf([productNamed("a"), productNamed("b")], "more"),
      () => listOf([productNamed("b"), productNamed("c")]),
    ];
    answering({ "GET /v1/products": () => (pages.shift() as () => Response)() });
    const { user } = show(<Feed />, NOWHERE);
    await user.click(await screen.findByRole("button", { name: "Show more" }));
    await screen.findByText("That is all.");
    expect(shown()).toEqual(["Title of a", "Title of b", "Title of c"]);
  });

  it("keeps what is there where a further page fails, and tries that page again", async () => {
    const pages = [
      () => listOf([productNamed("a")], "more"),
      () => failing(503, "DEPENDENCY_UNAVAILABLE"),
      () => listOf([productNamed("b")]),
    ];
    const calls = answering({ "GET /v1/products": () => (pages.shift() as () => Response)() });
    const { user } = show(<Feed />, NOWHERE);
    await user.click(await screen.findByRole("button", { name: "Show more" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("could not be loaded");
    expect(shown()).toEqual(["Title of a"]);
    await user.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(shown()).toEqual(["Title of a", "Title of b"]));
    expect(calls.map((call) => call.query.get("page_token"))).toEqual(["", "more", "more"]);
  });
});
