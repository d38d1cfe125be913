import { createContext, useContext } from "react";

/** What differs from shop to shop; served beside the page as `/storefront.json`. */
export interface Config {
  /** The shop's name. */
  name: string;
  /** The catalog that is shown. */
  catalog: string;
  /** Whether the service fetches pictures by their address. */
  imageUris: boolean;
}

const DEFAULTS: Config = { name: "Recompose", catalog: "default", imageUris: false };

export async function loadConfig(): Promise<Config> {
  try {
    const answer = await fetch("/storefront.json");
    if (!answer.ok) return DEFAULTS;
    const { name, catalog, image_uris } = await answer.json();
    return {
      name: typeof name === "string" ? name : DEFAULTS.name,
      catalog: typeof catalog === "string" ? catalog : DEFAULTS.catalog,
      // A truth value, or the gateway's own setting (IMAGE_URIS).
      imageUris: [true, "allowlist", "public"].includes(image_uris),
    };
  } catch {
    return DEFAULTS; // the page says what is wrong at its first call
  }
}

export const ConfigContext = createContext(DEFAULTS);

export const useConfig = () => useContext(ConfigContext);
