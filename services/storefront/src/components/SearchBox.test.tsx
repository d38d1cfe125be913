import { screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { NO_FILTERS } from "../filters/filters";
import { answering, facetsOf, failing, hitsOf, productNamed, show } from "../test-harness";
import { en } from "../text/en";
import { current, EMPTY, fromPicture, likeProduct, type Trail, wish } from "../trail/trail";
import { SearchBox } from "./SearchBox";

const { placeholder } = en;
const COAT = productNamed("coat", { category: "coat", color: "red" });
const FILTERS = { values: { brand: ["north"] }, ranges: {} };

function open(trail: Trail) {
  const values = ["red", "black"].map((value) => ({ value, count: 1 }));
  answering({
    "GET /v1/products/coat": () => Response.json(COAT),
    "GET /v1/products:facets": () => facetsOf({ field: "color", values, range: null }),
    "POST /v1/products:search": () => hitsOf([COAT]),
  });
  return show(<SearchBox />, { trail, filters: FILTERS });
}

function wishesShown(): (string | null)[] {
  return screen
    .queryAllByRole("button", { name: /^Take back/ })
    .map((button) => button.getAttribute("aria-label"));
}

describe("the field for words", () => {
  it("adds a wish on Enter, keeps the filters, and is empty again", async () => {
    const { user, view } = open(EMPTY);
    const field = screen.getByRole("searchbox", { name: placeholder.first });
    await user.type(field, " a red dress {Enter}");
    expect(view()).toEqual({ trail: wish(EMPTY, "a red dress"), filters: FILTERS });
    expect(field).toHaveValue("");
    await user.type(field, "with a hood");
    await user.click(screen.getByRole("button", { name: en.search }));
    expect(current(view().trail)?.wishes).toEqual(["a red dress", "with a hood"]);
  });

  it("goes nowhere on Enter alone", async () => {
    const { user, view } = open(wish(EMPTY, "a red dress"));
    await user.type(screen.getByRole("searchbox"), "  {Enter}");
    expect(view().trail).toEqual(wish(EMPTY, "a red dress"));
  });

  it.each([
    ["nothing was said", EMPTY, placeholder.first],
    ["there are words alone", wish(EMPTY, "in red"), placeholder.moreWords],
    ["there is a reference", likeProduct(EMPTY, "coat"), placeholder.change],
    ["there are wishes about it", wish(likeProduct(EMPTY, "coat"), "in blue"), placeholder.more],
  ])("asks what fits where %s", async (_, trail, asked) => {
    open(trail);
    expect(screen.getByRole("searchbox", { name: asked })).toHaveAttribute("placeholder", asked);
    if (current(trail)?.reference) await screen.findByText("Title of coat");
  });
});

describe("what was said", () => {
  const trail = wish(wish(likeProduct(EMPTY, "coat"), "in blue"), "longer");

  it("is shown and taken back, one by one", async () => {
    const { user, view } = open(trail);
    expect(wishesShown()).toEqual([en.removeWish("in blue"), en.removeWish("longer")]);
    await user.click(screen.getByRole("button", { name: en.removeWish("in blue") }));
    expect(current(view().trail)?.wishes).toEqual(["longer"]);
    expect(wishesShown()).toEqual([en.removeWish("longer")]);
  });

  it("stays when its reference is taken away", async () => {
    const { user, view } = open(trail);
    await user.click(screen.getByRole("button", { name: en.removeReference }));
    expect(current(view().trail)).toEqual({
      parent: null,
      reference: null,
      wishes: ["in blue", "longer"],
    });
  });

  it("is forgotten on starting over, the filters are not", async () => {
    const { user, view } = open(trail);
    await user.click(screen.getByRole("button", { name: en.startOver }));
    expect(view()).toEqual({ trail: EMPTY, filters: FILTERS });
    expect(screen.queryByRole("button", { name: en.startOver })).toBeNull();
  });

  it("gives way to a suggestion that contradicts it", async () => {
    const { user, view } = open(wish(likeProduct(EMPTY, "coat"), "in red"));
    await user.click(await screen.findByRole("button", { name: "in black" }));
    expect(current(view().trail)?.wishes).toEqual(["in black"]);
  });
});

describe("the reference", () => {
  it("is named and shown", async () => {
    open(likeProduct(EMPTY, "coat"));
    await screen.findByText("Title of coat");
    const source = screen.getByRole("img", { name: en.reference }).getAttribute("src");
    expect(source).toBe("/v1/products/coat/image?catalog=default");
  });

  it("is the shopper's own picture, from the address", async () => {
    open(fromPicture(EMPTY, "a-_w"));
    const picture = screen.getByRole("img", { name: en.reference });
    expect(picture).toHaveAttribute("src", "data:image/webp;base64,a+/w");
    expect(screen.getByText(en.yourPicture)).toBeInTheDocument();
    await screen.findByRole("button", { name: "in black" });
  });
});

describe("a file that is no picture", () => {
  it("is refused with the API's reason, until that is dismissed", async () => {
    answering({ "POST /v1/products:search": () => failing(422, "IMAGE_NOT_AN_IMAGE") });
    const { user, view } = show(<SearchBox />, { trail: EMPTY, filters: NO_FILTERS });
    // jsdom decodes no picture at all: createImageBitmap is not there.
    const file = new File(["words"], "notes.png", { type: "image/png" });
    await user.upload(screen.getByLabelText(en.choosePicture), file);
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent(en.reasons.IMAGE_NOT_AN_IMAGE ?? "no text");
    expect(view().trail).toEqual(EMPTY);
    await user.click(screen.getByRole("button", { name: en.dismiss }));
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  });
});
