import type { ReactNode } from "react";
import { ApiFailure } from "../api/failure";
import { entry } from "../text/names";
import { useText } from "../text/text";
import { Icon } from "./Icon";

interface FailureProps {
  heading: string;
  failure: unknown;
  onRetry?: () => void;
  onDismiss?: () => void;
  children?: ReactNode;
}

/** What went wrong, in plain words by the API's reason, and what can be done. */
export function FailureNotice({ heading, failure, onRetry, onDismiss, children }: FailureProps) {
  const text = useText();
  const reason = failure instanceof ApiFailure ? failure.reason : "";
  const wait = failure instanceof ApiFailure ? failure.retryAfterS : null;
  return (
    <div className="notice failure" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{heading}</strong> <span>{entry(text.reasons, reason) ?? text.unknownReason}</span>
        {wait !== null && wait > 1 && <span> {text.requestAgainIn(wait)}</span>}
        {children}
      </div>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          {text.tryAgain}
        </button>
      )}
      {onDismiss && (
        <button type="button" className="icon-button" aria-label={text.dismiss} onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

/** Answers came, but not all that there could be. */
export function DegradedNotice({ onRetry }: { onRetry: () => void }) {
  const text = useText();
  return (
    <div className="notice" role="status">
      <Icon name="alert" />
      <div>{text.degraded}</div>
      <button type="button" onClick={onRetry}>
        {text.tryAgain}
      </button>
    </div>
  );
}
