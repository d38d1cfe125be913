import { type ChangeEvent, type FormEvent, useState } from "react";
import { useConfig } from "../config";
import { useText } from "../text/text";
import { fromUri } from "../trail/trail";
import { useView } from "../trail/use-view";
import { Icon } from "./Icon";

/** The ways to give a picture, beside dropping and pasting one. */
export function PictureChoice({ take, busy }: { take: (file: Blob) => void; busy: boolean }) {
  const text = useText();
  const { imageUris } = useConfig();
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = ""; // the same file may be chosen again
    if (file) take(file);
  };
  if (busy) return <p role="status">{text.readingPicture}</p>;
  return (
    <div className="picture-choice">
      <label className="file">
        <input type="file" accept="image/*" onChange={choose} />
        <Icon name="picture" />
        {text.choosePicture}
      </label>
      {/* Shown where the pointer is a finger: such a device has a camera at hand. */}
      <label className="file by-camera">
        <input type="file" accept="image/*" capture="environment" onChange={choose} />
        <Icon name="camera" />
        {text.takePhoto}
      </label>
      <span className="hint">{text.pictureHint}</span>
      {imageUris && <AddressForm />}
    </div>
  );
}

function AddressForm() {
  const text = useText();
  const { view, go } = useView();
  const [uri, setUri] = useState("");
  const use = (event: FormEvent) => {
    event.preventDefault();
    go({ ...view, trail: fromUri(view.trail, uri) });
  };
  return (
    <form className="address" onSubmit={use}>
      <input
        type="url"
        required
        pattern="https?://.*"
        aria-label={text.pictureAddress}
        placeholder={text.pictureAddress}
        value={uri}
        // A copied address often has blanks around it, which the pattern would refuse.
        onChange={(event) => setUri(event.target.value.trim())}
      />
      <button type="submit">{text.useAddress}</button>
    </form>
  );
}
