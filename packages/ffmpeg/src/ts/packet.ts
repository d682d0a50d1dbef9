import type { Buffer } from "node:buffer";
import { TS_PACKET_SIZE } from "./aligner.js";

/** Ticks per second of timestamps (ISO/IEC 13818-1, 2.4.3.7). */
export const TS_CLOCK_HZ = 90_000;
/** Timestamps have 33 bits and begin again after 26.5 hours. */
export const TS_WRAP = 2 ** 33;

/** A timestamp brought back into 33 bits. */
export const wrapTicks = (ticks: number): number => ((ticks % TS_WRAP) + TS_WRAP) % TS_WRAP;

/** How far `later` is after `earlier` on the wrapping clock, the short way round: negative where it is before. */
export function ticksBetween(earlier: number, later: number): number {
  return wrapTicks(later - earlier + TS_WRAP / 2) - TS_WRAP / 2;
}

export const pidOf = (packet: Buffer): number => packet.readUInt16BE(1) & 0x1fff;
/** Whether a table section or a picture or sound begins in the packet. */
export const beginsUnit = (packet: Buffer): boolean => (packet.readUInt8(1) & 0x40) !== 0;
export const hasPayload = (packet: Buffer): boolean => (packet.readUInt8(3) & 0x10) !== 0;
const hasAdaptation = (packet: Buffer): boolean => (packet.readUInt8(3) & 0x20) !== 0;

/** Where the payload begins; the packet's length where there is none. */
export function payloadStart(packet: Buffer): number {
  if (!hasPayload(packet)) return TS_PACKET_SIZE;
  return hasAdaptation(packet) ? Math.min(TS_PACKET_SIZE, 5 + packet.readUInt8(4)) : 4;
}

/** Whether decoding can begin here: the adaptation field is there, is not empty, and its second flag is set. */
export function isRandomAccess(packet: Buffer): boolean {
  return hasAdaptation(packet) && packet.readUInt8(4) > 0 && (packet.readUInt8(5) & 0x40) !== 0;
}

/** Numbers a packet; packets of one PID with payload count from 0 to 15. */
export function setContinuity(packet: Buffer, counter: number): void {
  packet.writeUInt8((packet.readUInt8(3) & 0xf0) | (counter & 0x0f), 3);
}

/** Moves the packet's clock reference, where it has one; the 27 MHz extension stays. */
export function shiftClock(packet: Buffer, delta: number): void {
  if (!hasAdaptation(packet) || packet.readUInt8(4) < 7 || (packet.readUInt8(5) & 0x10) === 0) return;
  const base = packet.readUInt32BE(6) * 2 + (packet.readUInt8(10) >> 7);
  const moved = wrapTicks(base + delta);
  packet.writeUInt32BE(Math.floor(moved / 2), 6);
  packet.writeUInt8((packet.readUInt8(10) & 0x7f) | ((moved % 2) << 7), 10);
}

/** Reads the five bytes of a PTS or DTS. */
export function readTicks(data: Buffer, at: number): number {
  const high = (data.readUInt8(at) >> 1) & 0x07;
  return high * 2 ** 30 + (data.readUInt16BE(at + 1) >> 1) * 2 ** 15 + (data.readUInt16BE(at + 3) >> 1);
}

/** Writes over a PTS or DTS; the bits around it stay. */
export function writeTicks(data: Buffer, at: number, ticks: number): void {
  data.writeUInt8((data.readUInt8(at) & 0xf1) | (Math.floor(ticks / 2 ** 30) << 1), at);
  data.writeUInt16BE((Math.floor(ticks / 2 ** 15) & 0x7fff) * 2 + 1, at + 1);
  data.writeUInt16BE((ticks & 0x7fff) * 2 + 1, at + 3);
}

/** Where a unit's header says what, from the start of its first packet. */
export interface PesHeader {
  /** Bytes of the whole unit, header included; undefined where the header does not say. */
  bytes: number | undefined;
  ptsAt: number;
  /** The same place where decoding and showing are at one time. */
  dtsAt: number;
}

/** Reads the PES header in a packet that begins a unit (2.4.3.6); undefined where it is broken or has no timestamp. */
export function pesHeader(packet: Buffer): PesHeader | undefined {
  const at = payloadStart(packet);
  if (at + 14 > TS_PACKET_SIZE || packet.readUIntBE(at, 3) !== 1) return undefined;
  const flags = packet.readUInt8(at + 7) >> 6;
  if (flags < 2) return undefined;
  const hasDts = flags === 3;
  if (hasDts && at + 19 > TS_PACKET_SIZE) return undefined;
  const length = packet.readUInt16BE(at + 4);
  return { bytes: length === 0 ? undefined : length + 6, ptsAt: at + 9, dtsAt: hasDts ? at + 14 : at + 9 };
}
