import { Link } from "react-router";
import { useConfig } from "../config";
import { LANGUAGE_NAMES, useLanguage } from "../text/text";
import { useTheme } from "../theme";
import { Icon } from "./Icon";

export function Header() {
  const { name } = useConfig();
  const { text, language, speak } = useLanguage();
  const { theme, choose } = useTheme();
  return (
    <header className="header">
      <Link className="wordmark" to="/" aria-label={text.home(name)}>
        {name}
      </Link>
      <fieldset className="switch">
        <legend className="unseen">{text.chooseLanguage}</legend>
        {LANGUAGE_NAMES.map(([code, label]) => (
          <button
            key={code}
            type="button"
            lang={code}
            aria-pressed={code === language}
            onClick={() => speak(code)}
          >
            {label}
          </button>
        ))}
      </fieldset>
      <button
        type="button"
        className="icon-button"
        aria-label={text.theme}
        aria-pressed={theme === "dark"}
        onClick={() => choose(theme === "dark" ? "light" : "dark")}
      >
        <Icon name={theme === "dark" ? "sun" : "moon"} />
      </button>
    </header>
  );
}
