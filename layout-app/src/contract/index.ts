/** What crosses the border between the page and the agent that records it. Nothing else touches the agent's globals. */
export { Bridge } from "./bridge";
export type { BridgeScope } from "./bridge";
export { takeConfig, CONTRACT, LAYOUTS } from "./config";
export type { TakenConfig } from "./config";
export type { Card } from "./generated/Card";
export type { Clock } from "./generated/Clock";
export type { Colors } from "./generated/Colors";
export type { Fault } from "./generated/Fault";
export type { Layout } from "./generated/Layout";
export type { LowerThird } from "./generated/LowerThird";
export type { Logo } from "./generated/Logo";
export type { PageConfig } from "./generated/PageConfig";
export type { PageEnd } from "./generated/PageEnd";
export type { PageRoom } from "./generated/PageRoom";
export type { RoomEvent } from "./generated/RoomEvent";
export type { Theme } from "./generated/Theme";
export type { Ticker } from "./generated/Ticker";
export type { Watermark } from "./generated/Watermark";
