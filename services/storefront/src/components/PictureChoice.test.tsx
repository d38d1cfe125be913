import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { NO_FILTERS } from "../filters/filters";
import { show } from "../test-harness";
import { EMPTY } from "../trail/trail";
import { PictureChoice } from "./PictureChoice";

const NOWHERE = { trail: EMPTY, filters: NO_FILTERS };
const choice = <PictureChoice take={() => {}} busy={false} />;

describe("the address of a picture", () => {
  it("begins a trail where the service fetches pictures", async () => {
    const { user, view } = show(choice, NOWHERE, { imageUris: true });
    await user.type(screen.getByLabelText("Address of a picture"), "https://example.org/a.jpg");
    await user.click(screen.getByRole("button", { name: "Use it" }));
    expect(view().trail.steps[0]?.reference).toEqual({
      kind: "uri",
      uri: "https://example.org/a.jpg",
    });
  });

  it("is not asked for where it fetches none", () => {
    show(choice, NOWHERE);
    expect(screen.queryByLabelText("Address of a picture")).not.toBeInTheDocument();
  });
});
