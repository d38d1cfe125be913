import { describe, expect, it } from "vitest";
import { type Filters, NO_FILTERS } from "../filters/filters";
import { Draws } from "../test-random";
import { type Address, read, type View, write } from "./address";
import {
  EMPTY,
  fromPicture,
  fromUri,
  goTo,
  likeProduct,
  MAX_STEPS,
  type Trail,
  wish,
  withoutReference,
  withoutWish,
} from "./trail";

const PIECES = [
  ..."&=+%#?/;:,.'\"<>\\ab0",
  " ",
  "%20",
  "&at=1",
  "step=",
  "빨간",
  "옷",
  "👗",
  "🏴‍☠️",
  "é",
];

/** Text of anything, but not of blanks alone. */
function words(draws: Draws): string {
  return (
    draws
      .some(1, 8, () => draws.of(PIECES))
      .join("")
      .trim() || "words"
  );
}

function picture(draws: Draws): string {
  return draws.some(1, 12, () => draws.of([..."AZaz09-_"])).join("");
}

/** A trail as a shopper's presses make it. */
function trailOf(draws: Draws): Trail {
  const presses: ((trail: Trail) => Trail)[] = [
    (trail) => wish(trail, words(draws)),
    (trail) => wish(trail, words(draws)),
    (trail) => likeProduct(trail, words(draws)),
    (trail) => goTo(trail, draws.below(trail.steps.length + 1)),
    (trail) => withoutWish(trail, draws.below(3)),
  ];
  const rare = [
    () => fromPicture(trail, picture(draws)),
    () => fromUri(trail, `https://pictures.example/${words(draws)}`),
    () => withoutReference(trail),
  ];
  let trail = draws.of([EMPTY, fromPicture(EMPTY, picture(draws))]);
  for (let count = draws.below(60); count > 0; count--) {
    trail = draws.below(15) ? draws.of(presses)(trail) : draws.of(rare)();
  }
  // A picture that no step speaks of any more is not part of an address.
  const spoken = trail.steps.some(({ reference }) => reference?.kind === "picture");
  return spoken ? trail : { ...trail, picture: null };
}

function filtersOf(draws: Draws): Filters {
  const field = () =>
    draws.of(["color", "price", "a.b", "min.x", "색상", "a&b=c", "__proto__", "constructor"]);
  const bound = () => draws.of([0, -3, 19.99, 1e21, 0.1 + 0.2, draws.below(1000)]);
  const range = () =>
    draws.of([{ min: bound() }, { max: bound() }, { min: bound(), max: bound() }]);
  const values = draws.some(0, 3, () => [
    field(),
    [...new Set(draws.some(1, 3, () => words(draws)))],
  ]);
  const ranges = draws.some(0, 2, () => [field(), range()]);
  return { values: Object.fromEntries(values), ranges: Object.fromEntries(ranges) };
}

function views(count: number): [seed: number, view: View][] {
  return Array.from({ length: count }, (_, seed) => {
    const draws = new Draws(seed);
    return [seed, { trail: trailOf(draws), filters: filtersOf(draws) }];
  });
}

function trailRead(search: string, hash = ""): Trail {
  return read({ search, hash }).trail;
}

/** Whether what always holds of a trail that was read does so. */
function isSound({ steps, at }: Trail): boolean {
  const stands = steps.length === 0 ? at === null : at !== null && at in steps;
  const comes = steps.every(({ parent }, index) =>
    index === 0 ? parent === null : parent !== null && parent >= 0 && parent < index,
  );
  const asks = steps.every(({ reference, wishes }) => reference !== null || wishes.length > 0);
  return steps.length <= MAX_STEPS && stands && comes && asks;
}

describe("an address", () => {
  it("tells the view that it was written from", () => {
    for (const [seed, view] of views(400)) {
      expect(read(write(view)), `seed ${seed}`).toEqual(view);
    }
  });

  it("survives the way that browsers send it", () => {
    for (const [seed, view] of views(100)) {
      const { search, hash } = write(view);
      const url = new URL(`https://shop.example/${search}${hash}`);
      expect(read({ search: url.search, hash: url.hash }), `seed ${seed}`).toEqual(view);
    }
  });

  it("reads well where it has been cut", () => {
    for (const [seed, view] of views(12)) {
      const { search, hash } = write(view);
      for (let end = 0; end <= search.length; end++) {
        const { trail } = read({ search: search.slice(0, end), hash: "" });
        if (!isSound(trail)) expect.fail(`seed ${seed}, cut at ${end}: ${JSON.stringify(trail)}`);
      }
      for (let end = 0; end <= hash.length; end++) {
        const { trail } = read({ search, hash: hash.slice(0, end) });
        expect((view.trail.picture ?? "").startsWith(trail.picture ?? "")).toBe(true);
      }
    }
  });

  it("reads well where it is garbage", () => {
    const parts = [
      "step",
      "at",
      "wish",
      "product",
      "picture",
      "uri",
      "=",
      "&",
      "1",
      "99999",
      "%",
      "%E0%A4",
      "%00",
      "+",
      "filter.",
      "min.",
      "max.",
      "price",
      "__proto__",
      "constructor",
      "NaN",
      "-1",
      "💥",
    ];
    for (let seed = 0; seed < 500; seed++) {
      const draws = new Draws(seed);
      const garbage = () => draws.some(0, 30, () => draws.of(parts)).join("");
      const view = read({ search: `?${garbage()}`, hash: `#${garbage()}` });
      expect(isSound(view.trail), `seed ${seed}`).toBe(true);
      expect(read(write(view)).trail.steps, `seed ${seed}`).toEqual(view.trail.steps);
    }
  });

  it("is empty where nothing is asked", () => {
    expect(write({ trail: EMPTY, filters: NO_FILTERS })).toEqual({ search: "", hash: "" });
    expect(read({ search: "", hash: "" })).toEqual({ trail: EMPTY, filters: NO_FILTERS });
    expect(trailRead("?step=&step=1&at=2")).toEqual(EMPTY);
  });

  it("is as short as the examples say", () => {
    const hood = wish(wish(likeProduct(EMPTY, "p-7"), "in black"), "with a hood");
    expect(write({ trail: { ...hood, at: 1 }, filters: NO_FILTERS }).search).toBe(
      "?step=&product=p-7&step=&product=p-7&wish=in+black" +
        "&step=&product=p-7&wish=in+black&wish=with+a+hood&at=2",
    );
    const branched = wish(goTo(likeProduct(fromPicture(EMPTY, "AbC"), "p-9"), 0), "in blue");
    expect(write({ trail: branched, filters: NO_FILTERS })).toEqual({
      search: "?step=&picture=&step=&product=p-9&step=1&picture=&wish=in+blue",
      hash: "#picture=AbC",
    });
  });
});

describe("the picture", () => {
  const view: View = { trail: wish(fromPicture(EMPTY, "AbC-_9"), "in red"), filters: NO_FILTERS };

  it("is in the fragment alone, which no server gets", () => {
    const { search, hash } = write(view);
    expect(hash).toBe("#picture=AbC-_9");
    expect(search).not.toContain("AbC");
  });

  it("is left out once no step speaks of it", () => {
    const trail = { ...likeProduct(EMPTY, "p-1"), picture: "AbC" };
    expect(write({ trail, filters: NO_FILTERS }).hash).toBe("");
  });

  it("is missing where the fragment is, and the step still speaks of it", () => {
    const { search } = write(view);
    const trail = trailRead(search);
    expect(trail.picture).toBeNull();
    expect(trail.steps[1]?.reference).toEqual({ kind: "picture" });
  });

  it.each(["", "#", "#products", "#picture=", "#picture=a+b", "#picture=a%20b", "#x&picture=a"])(
    "is none in %j",
    (hash) => {
      expect(trailRead("?step=&picture=", hash).picture).toBeNull();
    },
  );
});

describe("what cannot be read", () => {
  it.each([
    ["itself", "3"],
    ["one after it", "4"],
    ["one before the first", "0"],
    ["a negative one", "-1"],
    ["no number", "x"],
    ["a broken number", "1.5"],
  ])("of a step's origin (%s) is the step before", (_, origin) => {
    const trail = trailRead(`?step=&wish=a&step=&wish=b&step=${origin}&wish=c`);
    expect(trail.steps.map(({ parent }) => parent)).toEqual([null, 0, 1]);
  });

  it.each(["0", "3", "-1", "1.5", "x", "", "99999999999"])(
    "of the step that is shown (at=%s) is the last one",
    (at) => {
      expect(trailRead(`?step=&wish=a&step=&wish=b&at=${at}`).at).toBe(1);
    },
  );

  it("is left out: what belongs to no step, names nothing, or says nothing", () => {
    expect(trailRead("?wish=lost&product=lost&step=&product=&uri=&wish=+&wish=a&odd=1")).toEqual({
      steps: [{ parent: null, reference: null, wishes: ["a"] }],
      at: 0,
      picture: null,
    });
  });

  it("is a step that asks for nothing: what follows it comes from the step before it", () => {
    const wishes = (search: string) =>
      trailRead(search).steps.map(({ parent, wishes }) => [parent, ...wishes]);
    expect(trailRead("?step=&wish=a&step=&wi").at).toBe(0);
    expect(wishes("?step=&wish=a&step=&step=&wish=b&step=2&wish=c&step=1&wish=d")).toEqual([
      [null, "a"],
      [0, "b"],
      [0, "c"],
      [0, "d"],
    ]);
    expect(wishes("?step=&step=&wish=a&step=1&wish=b")).toEqual([
      [null, "a"],
      [0, "b"],
    ]);
    expect(trailRead("?step=&wish=a&step=&step=&wish=b&at=2").at).toBe(0);
    expect(trailRead("?step=&wish=a&step=&step=&wish=b&step=&wish=c&at=3").at).toBe(1);
  });

  it("is a wish said twice: once is enough", () => {
    expect(trailRead("?step=&wish=a&wish=b&wish=a+").steps[0]?.wishes).toEqual(["a", "b"]);
  });

  it("is what comes after the last step that there is room for", () => {
    const search = Array.from({ length: MAX_STEPS + 9 }, (_, index) => `step=&wish=${index}`);
    const { steps, at } = trailRead(`?${search.join("&")}`);
    expect(steps).toHaveLength(MAX_STEPS);
    expect(at).toBe(MAX_STEPS - 1);
  });
});

describe("filters", () => {
  function filtersRead(search: string): Filters {
    return read({ search, hash: "" }).filters;
  }

  it("are values and bounds of fields", () => {
    const filters = {
      values: { color: ["red", "navy & white"], category: ["t-shirt"] },
      ranges: { price: { min: 9.5, max: 60 }, weight: { max: 0 } },
    };
    const address: Address = write({ trail: EMPTY, filters });
    expect(address.search).toBe(
      "?filter.color=red&filter.color=navy+%26+white&filter.category=t-shirt" +
        "&min.price=9.5&max.price=60&max.weight=0",
    );
    expect(read(address)).toEqual({ trail: EMPTY, filters });
  });

  it("are chosen once, however often they are named", () => {
    expect(filtersRead("?filter.color=red&filter.color=red").values).toEqual({ color: ["red"] });
    expect(filtersRead("?min.price=1&min.price=2").ranges).toEqual({ price: { min: 2 } });
  });

  it("have no bound that is no number, and no field without a name", () => {
    const search = "?min.price=&max.price=many&min.price=NaN&max.price=Infinity&filter.=red&min.=1";
    expect(filtersRead(search)).toEqual(NO_FILTERS);
  });

  it("may be on fields that are named like parts of an object", () => {
    const search = "?filter.__proto__=a&filter.constructor=b&min.__proto__=1&max.toString=2";
    const { values, ranges } = filtersRead(search);
    expect(Object.entries(values)).toEqual([
      ["__proto__", ["a"]],
      ["constructor", ["b"]],
    ]);
    expect(Object.entries(ranges)).toEqual([
      ["__proto__", { min: 1 }],
      ["toString", { max: 2 }],
    ]);
  });
});
