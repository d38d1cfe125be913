import { render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { ApiFailure } from "../api/failure";
import { NO_FILTERS } from "../filters/filters";
import { show } from "../test-harness";
import { en } from "../text/en";
import { EMPTY, likeProduct, type Trail, wish } from "../trail/trail";
import { EmptyNotice } from "./EmptyNotice";
import { FailureNotice } from "./Notices";

describe("a failure", () => {
  it.each([
    [new ApiFailure("OVERLOADED", 429), en.reasons.OVERLOADED],
    [new ApiFailure("PRODUCT_NOT_FOUND", 404), en.reasons.PRODUCT_NOT_FOUND],
    [new ApiFailure("A_REASON_OF_TOMORROW", 400), en.unknownReason],
    [new ApiFailure("constructor", 400), en.unknownReason],
    [new TypeError("secret"), en.unknownReason],
  ])("is told by its reason (%s), and by nothing that a program said", (failure, said) => {
    render(<FailureNotice heading="Heading" failure={failure} />);
    expect(screen.getByRole("alert").textContent).toBe(`Heading ${said}`);
  });

  it.each([
    [30, en.requestAgainIn(30)],
    [1, ""],
    [null, ""],
  ])("says when to try again where that is worth saying (%j s)", (seconds, said) => {
    const failure = new ApiFailure("OVERLOADED", 429, seconds);
    render(<FailureNotice heading="" failure={failure} />);
    const told = screen.getByRole("alert").textContent?.trim();
    expect(told).toBe(`${en.reasons.OVERLOADED} ${said}`.trim());
  });

  it("offers to try again, or to dismiss it, only where there is a way", async () => {
    const [onRetry, onDismiss] = [vi.fn(), vi.fn()];
    const failure = new ApiFailure("INTERNAL", 500);
    const { rerender } = render(<FailureNotice heading="" failure={failure} />);
    expect(screen.queryByRole("button")).toBeNull();
    rerender(<FailureNotice heading="" failure={failure} onRetry={onRetry} />);
    await userEvent.click(screen.getByRole("button", { name: en.tryAgain }));
    expect(onRetry).toHaveBeenCalledOnce();
    rerender(<FailureNotice heading="" failure={failure} onDismiss={onDismiss} />);
    await userEvent.click(screen.getByRole("button", { name: en.dismiss }));
    expect(onDismiss).toHaveBeenCalledOnce();
    expect(screen.queryByRole("button", { name: en.tryAgain })).toBeNull();
  });
});

describe("nothing that matches", () => {
  const trail: Trail = wish(wish(likeProduct(EMPTY, "coat"), "in red"), "longer");
  const filters = { values: { color: ["red", "navy"] }, ranges: { price: { min: 10, max: 60 } } };

  const offered = () => screen.getAllByRole("button").map(({ textContent }) => textContent);

  it("offers to leave out each condition and each wish", () => {
    show(<EmptyNotice />, { trail, filters });
    expect(screen.getByText(en.nothing)).toBeInTheDocument();
    expect(offered()).toEqual([
      "without red",
      "without navy",
      "without Price 10 to 60",
      "without “in red”",
      "without “longer”",
    ]);
  });

  it.each([
    [{ min: 10 }, "without Price 10 or more"],
    [{ max: 60 }, "without Price 60 or less"],
    [{ min: 0, max: 60 }, "without Price 0 to 60"],
  ])("names the bounds %j", (price, named) => {
    show(<EmptyNotice />, { trail: EMPTY, filters: { values: {}, ranges: { price } } });
    expect(offered()).toEqual([named]);
  });

  it("leaves out the one that is pressed", async () => {
    const { user, view } = show(<EmptyNotice />, { trail, filters });
    await user.click(screen.getByRole("button", { name: "without navy" }));
    await user.click(screen.getByRole("button", { name: "without Price 10 to 60" }));
    expect(view()).toEqual({ trail, filters: { values: { color: ["red"] }, ranges: {} } });
    await user.click(screen.getByRole("button", { name: "without “in red”" }));
    expect(offered()).toEqual(["without red", "without “longer”"]);
  });

  it("is an empty catalog where nothing was asked", () => {
    show(<EmptyNotice />, { trail: EMPTY, filters: NO_FILTERS });
    expect(screen.getByText(en.emptyCatalog)).toBeInTheDocument();
    expect(screen.queryByRole("button")).toBeNull();
  });
});
