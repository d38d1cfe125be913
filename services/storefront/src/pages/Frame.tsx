import { Outlet, ScrollRestoration } from "react-router";
import { Header } from "../components/Header";
import { SearchBox } from "../components/SearchBox";
import { TrailStrip } from "../components/TrailStrip";
import { useText } from "../text/text";

/** What stays around every page: who the shop is, what is asked, and the way here. */
export function Frame() {
  const text = useText();
  return (
    <>
      <button type="button" className="skip" onClick={skip}>
        {text.skip}
      </button>
      <Header />
      <SearchBox />
      <TrailStrip />
      <Outlet />
      <ScrollRestoration />
    </>
  );
}

/** Not a link to `#products`: that would replace the picture in the address. */
function skip() {
  const products = document.getElementById("products");
  products?.focus();
  products?.scrollIntoView();
}
