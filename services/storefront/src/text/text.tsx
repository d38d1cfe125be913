import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { en, type Text } from "./en";
import { ko } from "./ko";

const LANGUAGES = { en, ko };
export type Language = keyof typeof LANGUAGES;
export const LANGUAGE_NAMES = Object.entries(LANGUAGES).map(
  ([code, { language }]) => [code as Language, language] as const,
);
const KEY = "language";

interface Spoken {
  text: Text;
  language: Language;
  speak: (language: Language) => void;
}

const TextContext = createContext<Spoken>({ text: en, language: "en", speak: () => {} });

/** The texts of the chosen language: the shopper's choice before, or the browser's language. */
export function TextProvider({ children }: { children: ReactNode }) {
  const [language, speak] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
    localStorage.setItem(KEY, language);
  }, [language]);
  const spoken = useMemo(() => ({ text: LANGUAGES[language], language, speak }), [language]);
  return <TextContext value={spoken}>{children}</TextContext>;
}

export const useText = () => useContext(TextContext).text;
export const useLanguage = () => useContext(TextContext);

function firstLanguage(): Language {
  const wanted = [localStorage.getItem(KEY) ?? "", ...navigator.languages];
  const found = wanted
    .map((tag) => tag.split("-")[0] ?? "")
    .find((code) => Object.hasOwn(LANGUAGES, code));
  return (found ?? "en") as Language;
}
