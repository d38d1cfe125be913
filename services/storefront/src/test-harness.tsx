// What the components' tests stand on: the storefront's providers around a part of the page, a
// location without a browser, and an API whose answers a test gives.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import type { ReactNode } from "react";
import { MemoryRouter, useLocation } from "react-router";
import { vi } from "vitest";
import type { Facet, Product } from "./api/client";
import { type Config, ConfigContext } from "./config";
import { TextProvider } from "./text/text";
import { read, type View, write } from "./trail/address";

/** A request as the API would get it. */
export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  /** The text of the body; null where it is a form or there is none. */
  body: string | null;
  form: FormData | null;
}

type Answerer = (asked: Asked) => Response | Promise<Response>;

/**
 * Replaces `fetch` until the test ends.
 *
 * @param answers `"GET /v1/products"` and the like -> what is answered; a call that has no answer
 *   fails as if there were no network.
 * @returns the calls so far, in their order.
 */
export function answering(answers: Record<string, Answerer>): Asked[] {
  const calls: Asked[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname, searchParams } = new URL(request.url);
    const isForm = request.headers.get("Content-Type")?.startsWith("multipart/form-data");
    const asked: Asked = {
      method: request.method,
      path: pathname,
      query: searchParams,
      body: isForm ? null : (await request.text()) || null,
      form: isForm ? ((await request.formData()) as unknown as FormData) : null,
    };
    calls.push(asked);
    const answerer = answers[`${asked.method} ${asked.path}`];
    if (!answerer) throw new TypeError("Failed to fetch");
    return answerer(asked);
  });
  return calls;
}

/** The API's failure, by AIP-193. */
export function failing(status: number, reason: string, headers: Record<string, string> = {}) {
  const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason }];
  return Response.json({ error: { code: status, details } }, { status, headers });
}

export function productNamed(id: string, attributes: Product["attributes"] = null): Product {
  const picture = { image_uri: "", image_width: 0, image_height: 0 };
  return { id, title: `Title of ${id}`, catalog: "default", ...picture, attributes };
}

export function hitsOf(products: Product[], next = "", degraded = false): Response {
  const hits = products.map((product) => ({ product, score: 0.5 }));
  return Response.json({ hits, next_page_token: next, degraded });
}

export function listOf(products: Product[], next = ""): Response {
  return Response.json({ products, next_page_token: next });
}

export function facetsOf(...facets: Facet[]): Response {
  return Response.json({ facets });
}

const SHOP: Config = { name: "Shop", catalog: "default", imageUris: false };

function Place({ onView }: { onView: (view: View) => void }) {
  onView(read(useLocation()));
  return null;
}

/** A part of the page at an address, and the view that its address tells at each moment. */
export function show(part: ReactNode, view: View, config: Partial<Config> = {}) {
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false, networkMode: "always" } },
  });
  let here = read(write(view));
  render(
    <ConfigContext value={{ ...SHOP, ...config }}>
      <TextProvider>
        <QueryClientProvider client={queries}>
          <MemoryRouter initialEntries={[{ pathname: "/", ...write(view) }]}>
            {part}
            <Place onView={(next) => (here = next)} />
          </MemoryRouter>
        </QueryClientProvider>
      </TextProvider>
    </ConfigContext>,
  );
  return { user: userEvent.setup(), view: () => here };
}
