export { ageOf, formatAge, formatDuration, formatMilliseconds } from "@/format/durations";
export { holdsTime, labelOf, titled, unitOf } from "@/format/fields";
export {
  formatBytes,
  formatMoney,
  formatNumber,
  formatPercent,
  formatTick,
  formatValue,
  UNKNOWN,
} from "@/format/numbers";
export { formatClock, formatDay, formatRange, formatTime } from "@/format/times";
