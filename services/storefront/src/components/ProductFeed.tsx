import { useEffect } from "react";
import { useInView } from "react-intersection-observer";
import { PAGE_SIZE } from "../results/question";
import type { useProducts } from "../results/use-products";
import { useText } from "../text/text";
import { DegradedNotice, FailureNotice } from "./Notices";
import { ProductGrid } from "./ProductGrid";

/** Pages are asked for this far before they are reached, in pixels. */
const AHEAD = "900px";

interface Props {
  answer: ReturnType<typeof useProducts>;
  /** What to say where there is nothing. */
  empty: React.ReactNode;
}

/** The products of an answer, endlessly: the next page comes when the end is near. */
export function ProductFeed({ answer, empty }: Props) {
  const text = useText();
  const { products, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = answer;
  const { ref, inView } = useInView({ rootMargin: AHEAD });
  useEffect(() => {
    if (inView && hasNextPage && !isFetchingNextPage && !isFetchNextPageError) fetchNextPage();
  }, [inView, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);

  if (answer.isPending) return <ProductGrid products={[]} coming={PAGE_SIZE} />;
  if (answer.isError && !answer.data) {
    return (
      <FailureNotice
        heading={text.searchFailed}
        failure={answer.error}
        onRetry={() => answer.refetch()}
      />
    );
  }
  return (
    <>
      {answer.degraded && <DegradedNotice onRetry={() => answer.refetch()} />}
      {products.length === 0 && empty}
      <ProductGrid products={products} coming={isFetchingNextPage ? PAGE_SIZE / 2 : 0} />
      <div ref={ref} className="feed-end">
        {isFetchNextPageError && (
          <FailureNotice
            heading={text.moreFailed}
            failure={answer.error}
            onRetry={() => fetchNextPage()}
          />
        )}
        {hasNextPage && !isFetchNextPageError && (
          <button type="button" onClick={() => fetchNextPage()} disabled={isFetchingNextPage}>
            {text.showMore}
          </button>
        )}
        {!hasNextPage && products.length > 0 && <p>{text.end}</p>}
      </div>
    </>
  );
}

/** Tells those who do not see the grid what has come. */
export function Announcement({ answer }: { answer: ReturnType<typeof useProducts> }) {
  const text = useText();
  const { isPending, isError, products, hasNextPage } = answer;
  const said = isPending
    ? text.loading
    : isError
      ? ""
      : text.announce(products.length, hasNextPage);
  return (
    <p className="unseen" role="status">
      {said}
    </p>
  );
}
