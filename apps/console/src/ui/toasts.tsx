import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";
import { messageOf } from "../api/orchestrator-api.js";
import { buttonClass } from "./button.js";
import styles from "./toasts.module.css";

/** Around the page: what it says about an action appears in a corner, and is read out. */
export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider limit={4}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className={styles.toast}>
      <Toast.Title className={styles.title} />
      <Toast.Close className={buttonClass({ tone: "plain", small: true })} aria-label="Dismiss">
        ✕
      </Toast.Close>
      <Toast.Description className={styles.description} />
    </Toast.Root>
  ));
}

export interface Saying {
  /** Something went well. */
  done: (title: string) => void;
  /** Something did not, and why; stays until it is put away. */
  failed: (title: string, error: unknown) => void;
}

/** Tells the visitor how an action went. */
export function useSaying(): Saying {
  const manager = Toast.useToastManager();
  return {
    done: (title) => void manager.add({ title, type: "done" }),
    failed: (title, error) =>
      void manager.add({ title, description: messageOf(error), type: "error", priority: "high", timeout: 0 }),
  };
}
