import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { useLocation, useNavigationType } from "react-router";
import { usePasteAndDrop, usePicture } from "../picture/use-picture";
import { useText } from "../text/text";
import {
  current,
  EMPTY,
  fromPicture,
  type Step,
  wish,
  withoutReference,
  withoutWish,
} from "../trail/trail";
import { useView } from "../trail/use-view";
import { Icon } from "./Icon";
import { FailureNotice } from "./Notices";
import { PictureChoice } from "./PictureChoice";
import { ReferenceThumb } from "./ReferenceThumb";
import { Suggestions } from "./Suggestions";

/** The question: a reference, the wishes so far, and room for the next one. */
export function SearchBox() {
  const text = useText();
  const { view, go } = useView();
  const { trail } = view;
  const step = current(trail);
  const [words, setWords] = useState("");
  const input = useFocusAfterChoice();

  const latest = useRef(view);
  latest.current = view;
  const picked = useCallback(
    (picture: string) =>
      go({ ...latest.current, trail: fromPicture(latest.current.trail, picture) }),
    [go],
  );
  const reading = usePicture(picked);
  const held = usePasteAndDrop(reading.take);

  const say = (said: string, contradicted?: readonly string[]) => {
    if (said.trim()) go({ ...view, trail: wish(trail, said, contradicted) });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    say(words);
    setWords("");
  };

  return (
    <search className="search" aria-label={text.searchForm}>
      <form className="question" onSubmit={submit}>
        {step?.reference && (
          <div className="reference">
            <ReferenceThumb reference={step.reference} picture={trail.picture} named />
            <button
              type="button"
              className="icon-button small"
              aria-label={text.removeReference}
              onClick={() => go({ ...view, trail: withoutReference(trail) })}
            >
              <Icon name="close" />
            </button>
          </div>
        )}
        <div className="words">
          {step && step.wishes.length > 0 && (
            <ul className="wishes" aria-label={text.wishes}>
              {step.wishes.map((said, index) => (
                <li key={said}>
                  <span>{said}</span>
                  <button
                    type="button"
                    aria-label={text.removeWish(said)}
                    onClick={() => go({ ...view, trail: withoutWish(trail, index) })}
                  >
                    <Icon name="close" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          <input
            ref={input}
            type="search"
            enterKeyHint="search"
            autoComplete="off"
            maxLength={1000}
            aria-label={placeholder(text.placeholder, step)}
            placeholder={placeholder(text.placeholder, step)}
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </div>
        <button type="submit" className="primary" aria-label={text.search}>
          <Icon name="search" />
        </button>
      </form>
      {text.modelReads && <p className="aside">{text.modelReads}</p>}
      {reading.failure && (
        <FailureNotice
          heading={text.pictureRefused}
          failure={reading.failure}
          onDismiss={reading.dismiss}
        />
      )}
      <div className="below">
        {!step?.reference && <PictureChoice take={reading.take} busy={reading.busy} />}
        {step?.reference && reading.busy && <p role="status">{text.readingPicture}</p>}
        {step && (
          <Suggestions view={view} onChoose={({ words, contradicts }) => say(words, contradicts)} />
        )}
        {step && (
          <button type="button" className="quiet" onClick={() => go({ ...view, trail: EMPTY })}>
            {text.startOver}
          </button>
        )}
      </div>
      {held && <div className="drop-here">{text.dropHere}</div>}
    </search>
  );
}

function placeholder(
  texts: { first: string; change: string; more: string; moreWords: string },
  step: Step | null,
): string {
  if (!step) return texts.first;
  if (!step.reference) return texts.moreWords;
  return step.wishes.length ? texts.more : texts.change;
}

/** The words' field has the focus once a reference was chosen, but not on the way back. */
function useFocusAfterChoice() {
  const input = useRef<HTMLInputElement>(null);
  const { state, key } = useLocation();
  const kind = useNavigationType();
  // biome-ignore lint/correctness/useExhaustiveDependencies: each arrival anew, hence the key
  useEffect(() => {
    if (kind !== "POP" && state?.choosing) input.current?.focus({ preventScroll: true });
  }, [kind, state, key]);
  return input;
}
