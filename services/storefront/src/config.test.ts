import { afterEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "./config";

function served(body: string, status = 200) {
  vi.stubGlobal("fetch", async () => new Response(body, { status }));
}

afterEach(() => vi.unstubAllGlobals());

describe("what differs from shop to shop", () => {
  it.each([
    ["true", true],
    ['"public"', true],
    ['"allowlist"', true],
    ["false", false],
    ['"off"', false],
    ['""', false],
    ["null", false],
  ])("with image_uris %s tells whether addresses are fetched: %s", async (given, imageUris) => {
    served(`{"name": "Nook", "catalog": "spring", "image_uris": ${given}}`);
    expect(await loadConfig()).toEqual({ name: "Nook", catalog: "spring", imageUris });
  });

  it.each([
    ["{}", 200],
    ["no JSON", 200],
    ["{}", 404],
  ])("is what a shop has by default where nothing is told (%s, %i)", async (body, status) => {
    served(body, status);
    expect(await loadConfig()).toEqual({
      name: "Recompose",
      catalog: "default",
      imageUris: false,
    });
  });
});
