import { ButtonLink } from "../ui/button.js";
import { Page } from "./page.js";

export function NotFound() {
  return (
    <Page title="There is no such page">
      <p>The address may be of something that is gone.</p>
      <p>
        <ButtonLink to="/">To the streams</ButtonLink>
      </p>
    </Page>
  );
}
