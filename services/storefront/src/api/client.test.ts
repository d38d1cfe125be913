import { describe, expect, it, vi } from "vitest";
import { answering, facetsOf, failing, hitsOf, listOf, productNamed } from "../test-harness";
import { type Filter, facets, list, offer, product, search } from "./client";
import { ApiFailure } from "./failure";

const FILTER: Filter = { all: [{ field: "color", any_of: ["red & blue", "빨강"] }] };
const LISTING = { catalog: "default", filter: undefined, page_size: 24, page_token: "" };

async function failureOfList(): Promise<ApiFailure> {
  const failure = await list(LISTING).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ApiFailure);
  return failure as ApiFailure;
}

describe("requests", () => {
  it("sends a search as JSON and tells the page of its products", async () => {
    const found = [productNamed("p-2"), productNamed("p-1")];
    const calls = answering({ "POST /v1/products:search": () => hitsOf(found, "token", true) });
    const query = { catalog: "default", modification: "in black & 빨강", filter: FILTER };

    const page = await search(query);

    expect(page).toEqual({ products: found, next: "token", degraded: true });
    expect(calls).toHaveLength(1);
    expect(JSON.parse(calls[0]?.body ?? "")).toEqual(query);
  });

  it("lists with the filter as JSON in the query string", async () => {
    const calls = answering({ "GET /v1/products": () => listOf([productNamed("p-1")], "more") });

    const page = await list({ ...LISTING, filter: FILTER, page_token: "a+b=/" });

    expect(page).toEqual({ products: [productNamed("p-1")], next: "more", degraded: false });
    const { query, body } = calls[0] ?? {};
    expect(body).toBeNull();
    expect(Object.fromEntries(query ?? [])).toEqual({
      catalog: "default",
      page_size: "24",
      page_token: "a+b=/",
      filter: JSON.stringify(FILTER),
    });
  });

  it("leaves out a filter that there is none of", async () => {
    const calls = answering({
      "GET /v1/products": () => listOf([]),
      "GET /v1/products:facets": () => facetsOf(),
    });
    await list(LISTING);
    await facets("default", undefined);
    expect(calls.map(({ query }) => query.has("filter"))).toEqual([false, false]);
  });

  it("asks for facets that leave out the condition on their own field", async () => {
    const facet = { field: "color", values: [{ value: "red", count: 3 }], range: null };
    const calls = answering({ "GET /v1/products:facets": () => facetsOf(facet) });

    expect(await facets("mine", FILTER)).toEqual([facet]);

    expect(Object.fromEntries(calls[0]?.query ?? [])).toEqual({
      catalog: "mine",
      multi_select: "true",
      filter: JSON.stringify(FILTER),
    });
  });

  it("asks for a product by an id of any characters", async () => {
    const id = "a b?c#d%&검정";
    const path = `/v1/products/${encodeURIComponent(id)}`;
    const calls = answering({ [`GET ${path}`]: () => Response.json(productNamed(id)) });

    expect((await product("mine", id)).id).toBe(id);

    expect(calls[0]?.query.get("catalog")).toBe("mine");
  });

  it("offers a file as a form", async () => {
    const calls = answering({ "POST /v1/products:search": () => hitsOf([]) });

    await offer("mine", new Blob(["\x00\xff bytes"], { type: "image/heic" }));

    const form = calls[0]?.form;
    expect(JSON.parse(String(form?.get("request")))).toEqual({
      catalog: "mine",
      page_size: 1,
      view: "basic",
    });
    const image = form?.get("image") as Blob;
    expect(await image.text()).toBe("\x00\xff bytes");
  });
});

describe("failures", () => {
  it("are told by the API's reason, status and time to wait", async () => {
    answering({ "GET /v1/products": () => failing(429, "OVERLOADED", { "Retry-After": "7" }) });
    const { reason, status, retryAfterS, passes } = await failureOfList();
    expect({ reason, status, retryAfterS, passes }).toEqual({
      reason: "OVERLOADED",
      status: 429,
      retryAfterS: 7,
      passes: true,
    });
  });

  it("tell of no time to wait where the API says none in seconds", async () => {
    const date = "Wed, 21 Oct 2026 07:28:00 GMT";
    answering({ "GET /v1/products": () => failing(503, "SHUTTING_DOWN", { "Retry-After": date }) });
    expect((await failureOfList()).retryAfterS).toBeNull();
    answering({ "GET /v1/products": () => failing(404, "PRODUCT_NOT_FOUND") });
    const { retryAfterS, passes } = await failureOfList();
    expect({ retryAfterS, passes }).toEqual({ retryAfterS: null, passes: false });
  });

  it.each([
    ["a page of HTML", () => new Response("<h1>Bad gateway</h1>", { status: 502 }), 502],
    ["nothing", () => new Response(null, { status: 500 }), 500],
    ["JSON of another kind", () => Response.json({ detail: "no" }, { status: 500 }), 500],
    [
      "details that are none",
      () => Response.json({ error: { details: [null] } }, { status: 500 }),
      500,
    ],
    ["a good status, and HTML", () => new Response("<h1>Hello</h1>"), 0],
  ])("are unreadable where the answer is %s", async (_, answer, status) => {
    answering({ "GET /v1/products": answer });
    const failure = await failureOfList();
    expect([failure.reason, failure.status]).toEqual(["UNREADABLE", status]);
  });

  it("are unreachable where no answer comes", async () => {
    answering({});
    const { reason, status, passes } = await failureOfList();
    expect({ reason, status, passes }).toEqual({ reason: "UNREACHABLE", status: 0, passes: true });
  });

  it("are none where the caller gave up", async () => {
    vi.stubGlobal(
      "fetch",
      ({ signal }: Request) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new DOMException("", "AbortError"))),
        ),
    );
    const control = new AbortController();
    const calls = [
      list(LISTING, control.signal),
      search({}, control.signal),
      product("default", "p-1", control.signal),
      facets("default", undefined, control.signal),
    ];
    control.abort();
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: { name: "AbortError" } });
    }
  });
});
