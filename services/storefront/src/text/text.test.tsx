import { readFileSync } from "node:fs";
import { render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { productNamed } from "../test-harness";
import { en } from "./en";
import { ko } from "./ko";
import { fieldName, money, price, title, valueName } from "./names";
import { LANGUAGE_NAMES, TextProvider, useLanguage } from "./text";

/** Paths of all entries, down to what is no dictionary. */
function keys(texts: object, before = ""): string[] {
  return Object.entries(texts).flatMap(([key, entry]) =>
    typeof entry === "object" ? keys(entry, `${before}${key}.`) : [`${before}${key}`],
  );
}

/** Entries that a language may well have alone: English shows values as the catalog has them. */
function isOwn(key: string): boolean {
  return key.startsWith("values.");
}

function Switch() {
  const { text, speak } = useLanguage();
  return (
    <>
      <h1>{text.browsing}</h1>
      {LANGUAGE_NAMES.map(([code, name]) => (
        <button key={code} type="button" onClick={() => speak(code)}>
          {name}
        </button>
      ))}
    </>
  );
}

describe("the languages", () => {
  it("have the same entries all the way down", () => {
    const english = keys(en).filter((key) => !isOwn(key));
    expect(english).toContain("reasons.OVERLOADED");
    expect(english).toContain("fields.pattern_color");
    expect(
      keys(ko)
        .filter((key) => !isOwn(key))
        .sort(),
    ).toEqual(english.sort());
  });

  it("leave no sentence empty", () => {
    for (const texts of [en, ko]) {
      for (const part of [texts.reasons, texts.fields, texts.values, texts.placeholder]) {
        for (const [key, said] of Object.entries(part)) expect(said.trim(), key).not.toBe("");
      }
    }
  });

  it("speak their own language to the shopper", () => {
    const latin = Object.entries({ ...ko.reasons, ...ko.fields, ...ko.placeholder });
    for (const [key, said] of latin) expect(said, key).toMatch(/[가-힣]/);
    for (const said of Object.values(en.reasons)) expect(said).not.toMatch(/[가-힣]/);
  });
});

describe("the API's reasons", () => {
  /** What the storefront never asks for, so that no shopper meets it. */
  const NEVER_MET = [
    "REQUEST_MALFORMED",
    "MEDIA_TYPE_UNSUPPORTED",
    "FIELD_INVALID",
    "FIELD_UNKNOWN",
    "QUERY_EMPTY", // a step has a reference or words
    "CATALOG_INVALID", // the shop's setting
    "PAGE_SIZE_INVALID",
    "VIEW_INVALID",
    "GROUP_FIELD_UNKNOWN",
    "DIVERSITY_INVALID",
    // no second stage is asked for
    "RERANK_DEPTH_INVALID",
    "RERANK_QUERY_INCOMPLETE",
    "RERANK_WITH_DIVERSITY",
    "RERANK_NOT_SERVED",
    "FILTER_INVALID",
    "FILTER_TOO_DEEP",
    "FACET_FIELD_UNKNOWN", // facets are asked for without naming fields
    // of imports
    "TOO_MANY_PRODUCTS",
    "TITLE_INVALID",
    "ATTRIBUTES_INVALID",
    "IMAGE_REQUIRED",
  ];
  const source = readFileSync("../retrieval/errors.py", "utf8");
  const reasons = [...source.matchAll(/^ {4}([A-Z_]+) = "\1"/gm)].map(([, name = ""]) => name);

  it("are found in the service's source", () => {
    expect(reasons).toContain("IMAGE_URI_INVALID");
    expect(reasons).toContain("PAGE_TOKEN_EXPIRED");
    expect(reasons.length).toBeGreaterThan(40);
    expect(NEVER_MET.filter((reason) => !reasons.includes(reason))).toEqual([]);
  });

  it.each([
    ["en", en],
    ["ko", ko],
  ])("have a text in %s, where a shopper can meet them", (_, texts) => {
    const met = reasons.filter((reason) => !NEVER_MET.includes(reason));
    expect(met.filter((reason) => !Object.hasOwn(texts.reasons, reason))).toEqual([]);
    for (const own of ["UNREACHABLE", "UNREADABLE", "PICTURE_MISSING", "PICTURE_UNREADABLE"]) {
      expect(texts.reasons).toHaveProperty(own);
    }
  });
});

describe("the switch of the language", () => {
  function open() {
    return render(
      <TextProvider>
        <Switch />
      </TextProvider>,
    );
  }

  function browserSpeaks(...languages: string[]) {
    vi.spyOn(navigator, "languages", "get").mockReturnValue(languages);
  }

  beforeEach(() => browserSpeaks("en-US"));

  it("changes the texts and the document's language at once, and is remembered", async () => {
    const page = open();
    expect(screen.getByRole("heading")).toHaveTextContent(en.browsing);
    expect(document.documentElement.lang).toBe("en");

    await userEvent.click(screen.getByRole("button", { name: "한국어" }));

    expect(screen.getByRole("heading")).toHaveTextContent(ko.browsing);
    expect(document.documentElement.lang).toBe("ko");
    page.unmount();
    open();
    expect(screen.getByRole("heading")).toHaveTextContent(ko.browsing);
  });

  it.each([
    [["fr-FR", "ko-KR", "en"], "ko"],
    [["en-GB", "ko"], "en"],
    [["fr", "de-CH"], "en"],
    [["constructor"], "en"],
    [[], "en"],
  ])("begins, for a browser of %j, with %s", (languages, language) => {
    browserSpeaks(...languages);
    open();
    expect(document.documentElement.lang).toBe(language);
  });

  it("begins with the language chosen before, not with the browser's", () => {
    localStorage.setItem("language", "ko");
    open();
    expect(document.documentElement.lang).toBe("ko");
  });
});

describe("names of the catalog", () => {
  it("are translated where the language knows them, and shown as they are elsewhere", () => {
    expect(fieldName(ko, "pattern_color")).toBe("무늬 색상");
    expect(fieldName(en, "heel_height")).toBe("heel height");
    expect(valueName(ko, "red")).toBe("빨간색");
    expect(valueName(en, "red")).toBe("red");
    expect(valueName(en, true)).toBe("yes");
    expect(valueName(ko, false)).toBe("없음");
    expect(valueName(en, 42)).toBe("42");
    expect(title({ ...productNamed("p-1"), title: "" })).toBe("p-1");
    expect(title(productNamed("p-1"))).toBe("Title of p-1");
  });

  it("may be words that every object has", () => {
    for (const texts of [en, ko]) {
      expect(fieldName(texts, "constructor")).toBe("constructor");
      expect(valueName(texts, "toString")).toBe("toString");
      expect(texts.suggestion("color", "constructor", "in constructor")).toBe("in constructor");
    }
  });

  it("of suggestions are told in Korean, where it knows the value", () => {
    expect(ko.suggestion("color", "red", "in red")).toBe("빨간색으로");
    expect(ko.suggestion("sleeve", "none", "without sleeves")).toBe("소매 없이");
    expect(ko.suggestion("color", "teal", "in teal")).toBe("in teal");
    expect(en.suggestion("color", "red", "in red")).toBe("in red");
  });

  it("of prices have the product's currency, where the browser knows it", () => {
    expect(money(en, 1234.5, "USD")).toBe("$1,234.50");
    expect(money(ko, 12000, "KRW")).toBe("₩12,000");
    expect(money(en, 5, "no currency")).toBe("5");
    expect(price(en, productNamed("p-1", { price: 5, currency: "EUR" }))).toBe("€5.00");
    expect(price(en, productNamed("p-1", { price: "on request" }))).toBe("on request");
    expect(price(en, productNamed("p-1"))).toBe("");
  });
});
