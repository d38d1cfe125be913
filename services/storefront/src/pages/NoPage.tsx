import { Link } from "react-router";
import { useConfig } from "../config";
import { useText } from "../text/text";

export function NoPage() {
  const text = useText();
  const { name } = useConfig();
  return (
    <main id="products" tabIndex={-1} className="single">
      <title>{text.title(text.pageUnknown, name)}</title>
      <h1>{text.pageUnknown}</h1>
      <p>
        <Link to="/">{text.toCatalog}</Link>
      </p>
    </main>
  );
}
