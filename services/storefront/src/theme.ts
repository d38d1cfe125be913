import { useState, useSyncExternalStore } from "react";

// The theme is the system's, until the shopper chooses one.
const KEY = "theme";
const dark = () => matchMedia("(prefers-color-scheme: dark)");

export type Theme = "light" | "dark";

function chosen(): Theme | null {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : null;
}

/** Put the chosen theme on the document, before anything is painted. */
export function applyTheme(): void {
  const theme = chosen();
  if (theme) document.documentElement.dataset.theme = theme;
}

export function useTheme(): { theme: Theme; choose: (theme: Theme) => void } {
  const [own, setOwn] = useState(chosen);
  const systemIsDark = useSyncExternalStore(
    (changed) => {
      const query = dark();
      query.addEventListener("change", changed);
      return () => query.removeEventListener("change", changed);
    },
    () => dark().matches,
  );
  const choose = (theme: Theme) => {
    localStorage.setItem(KEY, theme);
    applyTheme();
    setOwn(theme);
  };
  return { theme: own ?? (systemIsDark ? "dark" : "light"), choose };
}
