import { Menu } from "@base-ui/react/menu";
import type { JobRecord } from "@stream-control/protocol";
import { Link } from "wouter";
import { buttonClass } from "../ui/button.js";
import { isRender } from "./status.js";
import styles from "./stream-menu.module.css";

export interface StreamMenuProps {
  job: JobRecord;
  mayOperate: boolean;
  onEdit: () => void;
}

const isAddress = (value: unknown): value is string => typeof value === "string" && /^https?:\/\//.test(value);

/** What is done with a stream less often. */
export function StreamMenu({ job, mayOperate, onEdit }: StreamMenuProps) {
  const { publicUrl, adminUrl } = job.streamMetadata ?? {};
  return (
    <Menu.Root>
      <Menu.Trigger className={buttonClass({ small: true })}>More</Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className={styles.positioner} align="end" sideOffset={4}>
          <Menu.Popup className={styles.popup}>
            <Menu.LinkItem className={styles.item} render={<Link href={`/jobs/${encodeURIComponent(job.id)}`} />}>
              Details and log
            </Menu.LinkItem>
            {mayOperate && (
              <Menu.Item className={styles.item} onClick={onEdit}>
                Edit title
              </Menu.Item>
            )}
            {isAddress(publicUrl) && (
              <Menu.LinkItem className={styles.item} href={publicUrl} target="_blank" rel="noreferrer">
                Watch page ↗
              </Menu.LinkItem>
            )}
            {isAddress(adminUrl) && mayOperate && (
              <Menu.LinkItem className={styles.item} href={adminUrl} target="_blank" rel="noreferrer">
                Admin page ↗
              </Menu.LinkItem>
            )}
            {mayOperate && !isRender(job) && (
              <Menu.LinkItem className={styles.item} render={<Link href={`/new?from=${encodeURIComponent(job.id)}`} />}>
                New stream like this
              </Menu.LinkItem>
            )}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
