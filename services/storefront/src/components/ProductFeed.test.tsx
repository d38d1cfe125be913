import { screen, waitFor } from "@testing-library/react";
import {
  mockAllIsIntersecting,
  resetIntersectionMocking,
  setupIntersectionMocking,
} from "react-intersection-observer/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NO_FILTERS } from "../filters/filters";
import { useResults } from "../results/use-products";
import { answering, failing, hitsOf, listOf, productNamed, show } from "../test-harness";
import { en } from "../text/en";
import { current, EMPTY, likeProduct, wish } from "../trail/trail";
import { useView } from "../trail/use-view";
import { Announcement, ProductFeed } from "./ProductFeed";

function Feed() {
  const answer = useResults(useView().view);
  return (
    <>
      <Announcement answer={answer} />
      <ProductFeed answer={answer} empty={<p>Empty.</p>} />
    </>
  );
}

const products = (...ids: string[]) => ids.map((id) => productNamed(id));
const shown = () => screen.queryAllByRole("heading", { level: 3 }).map((one) => one.textContent);
const catalog = { trail: EMPTY, filters: NO_FILTERS };

/** The catalog's pages by their tokens. */
function pages(byToken: Record<string, () => Response>) {
  return answering({
    "GET /v1/products": ({ query }) =>
      byToken[query.get("page_token") ?? ""]?.() ?? failing(400, "PAGE_TOKEN_INVALID"),
  });
}

beforeEach(() => setupIntersectionMocking(vi.fn));
afterEach(resetIntersectionMocking);

describe("a feed of products", () => {
  it("shows a product once that comes twice", async () => {
    pages({
      "": () => listOf(products("a", "b"), "2"),
      "2": () => listOf(products("b", "c")),
    });
    const { user } = show(<Feed />, catalog);
    await user.click(await screen.findByRole("button", { name: en.showMore }));
    await screen.findByText(en.end);
    expect(shown()).toEqual(["Title of a", "Title of b", "Title of c"]);
    expect(screen.getByRole("status")).toHaveTextContent(en.announce(3, false));
  });

  it("asks for the next page by itself when its end is near, once", async () => {
    const calls = pages({
      "": () => listOf(products("a"), "2"),
      "2": () => listOf(products("b"), "3"),
    });
    show(<Feed />, catalog);
    await screen.findByText("Title of a");
    expect(calls).toHaveLength(1);
    mockAllIsIntersecting(true);
    await screen.findByText("Title of b");
    mockAllIsIntersecting(false);
    expect(calls.slice(0, 2).map(({ query }) => query.get("page_token"))).toEqual(["", "2"]);
  });

  it("keeps what is there when a further page fails, and offers to try again", async () => {
    let broken = true;
    const calls = pages({
      "": () => listOf(products("a"), "2"),
      "2": () => (broken ? failing(503, "SHUTTING_DOWN") : listOf(products("b"))),
    });
    const { user } = show(<Feed />, catalog);
    await screen.findByText("Title of a");
    mockAllIsIntersecting(true);
    expect(await screen.findByRole("alert")).toHaveTextContent(
      `${en.moreFailed} ${en.reasons.SHUTTING_DOWN}`,
    );
    expect(shown()).toEqual(["Title of a"]);
    expect(calls).toHaveLength(2); // no storm of calls while the end stays in view

    broken = false;
    await user.click(screen.getByRole("button", { name: en.tryAgain }));
    await waitFor(() => expect(shown()).toEqual(["Title of a", "Title of b"]));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("tells of a failure where there is nothing yet, and tries again", async () => {
    let broken = true;
    pages({ "": () => (broken ? failing(429, "OVERLOADED") : listOf(products("a"))) });
    const { user } = show(<Feed />, catalog);
    expect(await screen.findByRole("alert")).toHaveTextContent(
      `${en.searchFailed} ${en.reasons.OVERLOADED}`,
    );
    expect(screen.queryByText("Empty.")).toBeNull();
    broken = false;
    await user.click(screen.getByRole("button", { name: en.tryAgain }));
    await screen.findByText("Title of a");
  });

  it("says what it is told to where nothing matches", async () => {
    pages({ "": () => listOf([]) });
    show(<Feed />, catalog);
    expect(screen.getByRole("status")).toHaveTextContent(en.loading);
    await screen.findByText("Empty.");
    expect(screen.queryByText(en.end)).toBeNull();
  });

  it("says that a part of the service was missing, and asks anew on demand", async () => {
    let degraded = true;
    const found = products("a");
    answering({ "POST /v1/products:search": () => hitsOf(found, "", degraded) });
    const { user } = show(<Feed />, { ...catalog, trail: wish(EMPTY, "a dress") });
    await screen.findByText(en.degraded);
    expect(shown()).toEqual(["Title of a"]);
    degraded = false;
    await user.click(screen.getByRole("button", { name: en.tryAgain }));
    await waitFor(() => expect(screen.queryByText(en.degraded)).toBeNull());
  });

  it("goes from a product to what is like it", async () => {
    pages({ "": () => listOf(products("a", "b")) });
    answering({
      "GET /v1/products": () => listOf(products("a", "b")),
      "POST /v1/products:search": () => hitsOf(products("c")),
    });
    const { user, view } = show(<Feed />, catalog);
    await user.click(await screen.findByRole("button", { name: en.likeThisNamed("Title of b") }));
    expect(current(view().trail)).toEqual(current(likeProduct(EMPTY, "b")));
    await screen.findByText("Title of c");
  });
});
