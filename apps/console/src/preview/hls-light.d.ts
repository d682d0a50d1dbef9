/** The player without subtitles and encryption; hls.js ships types for the whole of it alone. */
declare module "hls.js/light" {
  export { default } from "hls.js";
}
