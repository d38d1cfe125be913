import { EmptyNotice } from "../components/EmptyNotice";
import { FilterBar } from "../components/FilterBar";
import { FilterPanel } from "../components/FilterPanel";
import { Announcement, ProductFeed } from "../components/ProductFeed";
import { useConfig } from "../config";
import { useResults } from "../results/use-products";
import { useText } from "../text/text";
import { current, modification } from "../trail/trail";
import { useView } from "../trail/use-view";

/** The products of a search, or of the catalog. */
export function ResultsPage() {
  const text = useText();
  const { name } = useConfig();
  const { view } = useView();
  const answer = useResults(view);
  const step = current(view.trail);
  return (
    <div className="results">
      <title>{text.title(step ? modification(step) : "", name)}</title>
      <aside className="filters-aside" aria-label={text.filters}>
        <FilterPanel />
      </aside>
      <main id="products" tabIndex={-1}>
        <header className="results-head">
          <h1>{step ? text.found : text.browsing}</h1>
          <FilterBar />
        </header>
        <Announcement answer={answer} />
        <ProductFeed answer={answer} empty={<EmptyNotice />} />
      </main>
    </div>
  );
}
