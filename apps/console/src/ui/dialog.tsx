import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { buttonClass } from "./button.js";
import styles from "./dialog.module.css";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  /** Buttons below the content, beside the one that closes it. */
  actions?: ReactNode;
  closeLabel?: string;
  children?: ReactNode;
}

/** Something that is done beside the page; Escape and a click beside it close it. */
export function Dialog(props: DialogProps) {
  const { open, onClose, title, description, wide, actions, closeLabel = "Cancel", children } = props;
  return (
    <Base.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Base.Portal>
        <Base.Backdrop className={styles.backdrop} />
        <Base.Popup className={wide === true ? `${styles.popup} ${styles.wide}` : styles.popup}>
          <Base.Title>{title}</Base.Title>
          {description !== undefined && (
            <Base.Description className={styles.description}>{description}</Base.Description>
          )}
          <div className={styles.body}>{children}</div>
          <div className={styles.actions}>
            <Base.Close className={buttonClass()}>{closeLabel}</Base.Close>
            {actions}
          </div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

export interface QuestionProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description: ReactNode;
  /** What the button that does it says: the deed, not "OK". */
  deed: string;
  onConfirm: () => void;
}

/** Asks before something that cannot be taken back. */
export function Question({ open, onClose, title, description, deed, onConfirm }: QuestionProps) {
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={styles.backdrop} />
        <AlertDialog.Popup className={styles.popup}>
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description className={styles.description}>{description}</AlertDialog.Description>
          <div className={styles.actions}>
            <AlertDialog.Close className={buttonClass()}>Cancel</AlertDialog.Close>
            <AlertDialog.Close className={buttonClass({ tone: "danger" })} onClick={onConfirm}>
              {deed}
            </AlertDialog.Close>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
