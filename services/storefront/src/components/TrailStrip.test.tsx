import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { NO_FILTERS } from "../filters/filters";
import { show } from "../test-harness";
import { en } from "../text/en";
import { EMPTY, goTo, likeProduct, type Trail, wish } from "../trail/trail";
import { TrailStrip } from "./TrailStrip";

const FILTERS = { values: { color: ["red"] }, ranges: {} };

/** A coat; in black; with a hood, too; and from the coat again: in red. */
function branched(): Trail {
  const hood = wish(wish(likeProduct(EMPTY, "coat"), "in black"), "with a hood");
  return wish(goTo(hood, 0), "in red");
}

describe("the way here", () => {
  it("is not shown before there are two steps", () => {
    show(<TrailStrip />, { trail: likeProduct(EMPTY, "coat"), filters: NO_FILTERS });
    expect(screen.queryByRole("navigation")).toBeNull();
  });

  it("has a link for each step, which says what the step added", () => {
    show(<TrailStrip />, { trail: branched(), filters: NO_FILTERS });
    const way = screen.getByRole("navigation", { name: en.trail });
    expect(
      within(way)
        .getAllByRole("link")
        .map((link) => link.textContent?.trim()),
    ).toEqual([
      `Step 1: ${en.asItIs}`,
      "Step 2: in black",
      "Step 3: with a hood",
      `Step 4: in red ${en.branch(1)}`,
    ]);
  });

  it("says all wishes of a step that takes one back", () => {
    const trail = { ...branched(), at: 2 };
    const back = { parent: 2, reference: trail.steps[2]?.reference ?? null, wishes: ["in black"] };
    const steps = [...trail.steps.slice(0, 3), back];
    show(<TrailStrip />, { trail: { ...trail, steps, at: 3 }, filters: NO_FILTERS });
    expect(screen.getByRole("link", { current: "step" })).toHaveTextContent("Step 4: in black");
  });

  it("marks the step that is shown, and those on the way to it", () => {
    show(<TrailStrip />, { trail: branched(), filters: NO_FILTERS });
    const steps = screen.getAllByRole("listitem");
    expect(steps.map((step) => step.classList.contains("on-the-way"))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(screen.getByRole("link", { current: "step" })).toHaveTextContent("in red");
  });

  it("notes where a step branched off, and nowhere else", () => {
    show(<TrailStrip />, { trail: branched(), filters: NO_FILTERS });
    const notes = screen.getAllByText(/^from step/);
    expect(notes.map(({ textContent }) => textContent)).toEqual([en.branch(1)]);
  });

  it("leads back, the other steps and the filters kept", async () => {
    const { user, view } = show(<TrailStrip />, { trail: branched(), filters: FILTERS });
    await user.click(screen.getByRole("link", { name: /in black/ }));
    expect(view()).toEqual({ trail: { ...branched(), at: 1 }, filters: FILTERS });
    expect(screen.getByRole("link", { current: "step" })).toHaveTextContent("in black");
  });
});
