import { describe, expect, it } from "vitest";
import {
  current,
  EMPTY,
  fromPicture,
  fromUri,
  goTo,
  likeProduct,
  MAX_STEPS,
  modification,
  path,
  sameReference,
  type Trail,
  wish,
  withoutReference,
  withoutWish,
} from "./trail";

const COAT = { kind: "product", id: "coat" } as const;
const HAT = { kind: "product", id: "hat" } as const;
const PICTURE = { kind: "picture" } as const;

/** Frozen all the way down: a function that changes what it was given throws. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}

function coatInBlack(): Trail {
  return frozen(wish(likeProduct(EMPTY, "coat"), "in black"));
}

describe("a trail that begins", () => {
  it("is nowhere", () => {
    expect(current(EMPTY)).toBeNull();
    expect(path(EMPTY)).toEqual([]);
  });

  it("with words has no reference", () => {
    const trail = wish(EMPTY, "  a red dress ");
    expect(trail).toEqual({
      steps: [{ parent: null, reference: null, wishes: ["a red dress"] }],
      at: 0,
      picture: null,
    });
  });

  it("with a product has no wishes", () => {
    const step = { parent: null, reference: COAT, wishes: [] };
    expect(likeProduct(EMPTY, "coat")).toEqual({ steps: [step], at: 0, picture: null });
  });

  it("with a picture keeps what was said without a reference", () => {
    const trail = fromPicture(wish(wish(EMPTY, "in red"), "with a hood"), "AbC-_");
    const step = { parent: null, reference: PICTURE, wishes: ["in red", "with a hood"] };
    expect(trail).toEqual({ steps: [step], at: 0, picture: "AbC-_" });
  });

  it("with a picture leaves behind what was said about another reference", () => {
    expect(fromPicture(coatInBlack(), "AbC")).toEqual({
      steps: [{ parent: null, reference: PICTURE, wishes: [] }],
      at: 0,
      picture: "AbC",
    });
  });

  it("with a picture's address leaves the shopper's own picture behind", () => {
    const uri = "https://pictures.example/a.jpg";
    expect(fromUri(fromPicture(EMPTY, "AbC"), uri)).toEqual({
      steps: [{ parent: null, reference: { kind: "uri", uri }, wishes: [] }],
      at: 0,
      picture: null,
    });
    expect(current(fromUri(wish(EMPTY, "in red"), uri))?.wishes).toEqual(["in red"]);
  });
});

describe("wishes", () => {
  it("are about the same reference and add up", () => {
    const trail = wish(coatInBlack(), "with a hood");
    expect(current(trail)).toEqual({
      parent: 1,
      reference: COAT,
      wishes: ["in black", "with a hood"],
    });
    expect(modification(current(trail) ?? { parent: null, reference: null, wishes: [] })).toBe(
      "in black, with a hood",
    );
  });

  it("that say nothing, or nothing new, change nothing", () => {
    const trail = coatInBlack();
    expect(wish(trail, "   ")).toBe(trail);
    expect(wish(trail, " in black ")).toBe(trail);
  });

  it("take the place of those that they contradict", () => {
    const trail = wish(coatInBlack(), "with a hood");
    const red = wish(trail, "in red", ["in black", "in red", "in blue"]);
    expect(current(red)?.wishes).toEqual(["with a hood", "in red"]);
    expect(current(trail)?.wishes).toEqual(["in black", "with a hood"]);
  });

  it("are taken back one by one", () => {
    const trail = wish(wish(coatInBlack(), "with a hood"), "longer");
    expect(current(withoutWish(trail, 1))?.wishes).toEqual(["in black", "longer"]);
    expect(current(withoutWish(coatInBlack(), 0))).toMatchObject({ reference: COAT, wishes: [] });
  });

  it("leave nothing once the last one of no reference is taken back", () => {
    expect(withoutWish(wish(EMPTY, "in red"), 0)).toEqual(EMPTY);
    expect(withoutWish(EMPTY, 0)).toEqual(EMPTY);
  });

  it("stay without their reference", () => {
    expect(withoutReference(wish(fromPicture(EMPTY, "AbC"), "in red"))).toEqual({
      steps: [{ parent: null, reference: null, wishes: ["in red"] }],
      at: 0,
      picture: null,
    });
    expect(withoutReference(likeProduct(EMPTY, "coat"))).toEqual(EMPTY);
  });
});

describe("steps", () => {
  it("to a product begin without wishes and keep the picture of the trail", () => {
    const trail = likeProduct(wish(fromPicture(EMPTY, "AbC"), "in red"), "hat");
    expect(current(trail)).toEqual({ parent: 1, reference: HAT, wishes: [] });
    expect(trail.picture).toBe("AbC");
  });

  it("branch where the shopper went back to", () => {
    const back = goTo(wish(coatInBlack(), "with a hood"), 0);
    const branched = wish(back, "in red");
    expect(branched.steps.map(({ parent }) => parent)).toEqual([null, 0, 1, 0]);
    expect(path(branched)).toEqual([0, 3]);
    expect(path(goTo(branched, 2))).toEqual([0, 1, 2]);
  });

  it("that were taken before are found again", () => {
    const trail = frozen(wish(goTo(coatInBlack(), 0), "in red"));
    const again = wish(goTo(trail, 0), "in black");
    expect(again).toEqual({ ...trail, at: 1 });
    expect(likeProduct(goTo(likeProduct(trail, "hat"), 2), "hat").steps).toHaveLength(4);
  });

  it("that say the same about another thing, or from another step, are other steps", () => {
    const trail = wish(likeProduct(coatInBlack(), "hat"), "in black");
    expect(trail.steps).toHaveLength(4);
    expect(path(trail)).toEqual([0, 1, 2, 3]);
  });

  it("are gone to only where there are any", () => {
    const trail = coatInBlack();
    expect(goTo(trail, 0).at).toBe(0);
    expect(goTo(trail, 2)).toBe(trail);
    expect(goTo(trail, -1)).toBe(trail);
    expect(current({ ...trail, at: 7 })).toBeNull();
  });

  it("never change the trail that they come from", () => {
    const trail = frozen(wish(wish(fromPicture(EMPTY, "AbC"), "in red"), "with a hood"));
    const before = structuredClone(trail);
    wish(trail, "longer", ["in red"]);
    withoutWish(trail, 0);
    withoutReference(trail);
    likeProduct(trail, "hat");
    fromPicture(trail, "other");
    fromUri(trail, "https://pictures.example/a.jpg");
    goTo(trail, 0);
    expect(trail).toEqual(before);
  });
});

describe("a trail that is too long", () => {
  function branches(count: number): Trail {
    let trail = coatInBlack();
    while (trail.steps.length < count) trail = wish(goTo(trail, 1), `wish ${trail.steps.length}`);
    return frozen(trail);
  }

  it("leaves other branches behind and keeps the way to the step that is shown", () => {
    const full = branches(MAX_STEPS);
    expect(full.steps).toHaveLength(MAX_STEPS);
    const next = likeProduct(full, "hat");
    expect(next.steps.map(({ parent }) => parent)).toEqual([null, 0, 1, 2]);
    expect(next.steps.map((step) => modification(step))).toEqual([
      "",
      "in black",
      `in black, wish ${MAX_STEPS - 1}`,
      "",
    ]);
    expect(next.at).toBe(3);
  });

  it("stays as it is where a step is found again", () => {
    const full = branches(MAX_STEPS);
    expect(wish(goTo(full, 1), "wish 5")).toEqual({ ...full, at: 5 });
  });

  it("loses its beginning where the way itself is too long", () => {
    let trail = EMPTY;
    for (let index = 0; index < MAX_STEPS + 5; index++) trail = likeProduct(trail, `p-${index}`);
    expect(trail.steps).toHaveLength(MAX_STEPS);
    expect(path(trail)).toEqual(Array.from({ length: MAX_STEPS }, (_, index) => index));
    expect(trail.steps[0]).toEqual({
      parent: null,
      reference: { kind: "product", id: "p-5" },
      wishes: [],
    });
    expect(current(trail)?.reference).toEqual({ kind: "product", id: `p-${MAX_STEPS + 4}` });
  });
});

describe("references", () => {
  it("are the same where they name the same thing", () => {
    expect(sameReference(COAT, { ...COAT })).toBe(true);
    expect(sameReference(null, null)).toBe(true);
    expect(sameReference(COAT, HAT)).toBe(false);
    expect(sameReference(COAT, null)).toBe(false);
    expect(sameReference(PICTURE, { kind: "uri", uri: "https://pictures.example/a" })).toBe(false);
  });
});
