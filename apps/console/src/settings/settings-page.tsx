import { useMay, useMaySomewhere, useVisitor } from "../api/context.js";
import { Page } from "../shell/page.js";
import { KeysPanel } from "./keys-panel.js";
import { PrivacyPanel } from "./privacy-panel.js";
import styles from "./settings.module.css";
import { TemplatesPanel } from "./templates-panel.js";
import { UsersPanel } from "./users-panel.js";
import { WebhooksPanel } from "./webhooks-panel.js";
import { YouTubePanel } from "./youtube-panel.js";

/** What holds for the whole house; everybody is shown what they may see. */
export function SettingsPage() {
  const isAdmin = useMay("admin");
  const adminsARoom = useMaySomewhere("admin");
  const { session } = useVisitor();
  const rights = Object.entries(session.grants).map(
    ([room, role]) => `${role} in ${room === "*" ? "every room" : room}`,
  );
  return (
    <Page
      title="Settings"
      subtitle={
        <p>
          You are {session.kind === "local" ? "on this machine" : session.name}: {rights.join(", ")}.
        </p>
      }
    >
      <div className={styles.grid}>
        {isAdmin && <YouTubePanel />}
        <PrivacyPanel />
        <TemplatesPanel />
        {isAdmin && <KeysPanel />}
        {isAdmin && <UsersPanel />}
        {adminsARoom && <WebhooksPanel />}
      </div>
    </Page>
  );
}
