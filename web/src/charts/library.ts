/** The parts of ECharts that are used: the rest is not loaded. */
import {
  BarChart,
  CustomChart,
  FunnelChart,
  GraphChart,
  HeatmapChart,
  LineChart,
  ScatterChart,
  TreemapChart,
} from "echarts/charts";
import {
  AriaComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { PALETTE } from "@/charts/colours";

echarts.use([
  BarChart,
  CustomChart,
  FunnelChart,
  GraphChart,
  HeatmapChart,
  LineChart,
  ScatterChart,
  TreemapChart,
  AriaComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

type Ink = { text: string; dim: string; line: string; card: string };
const INKS: Record<"light" | "dark", Ink> = {
  light: { text: "#1f2933", dim: "#59636e", line: "#e3e8ee", card: "#ffffff" },
  dark: { text: "#d8dee6", dim: "#97a4b4", line: "#36414d", card: "#1b232c" },
};

for (const [scheme, ink] of Object.entries(INKS)) {
  const axis = {
    axisLine: { lineStyle: { color: ink.line } },
    axisTick: { show: false },
    axisLabel: { color: ink.dim, fontSize: 11 },
    splitLine: { lineStyle: { color: ink.line } },
    nameTextStyle: { color: ink.dim, fontSize: 11 },
  };
  echarts.registerTheme(scheme, {
    color: [...PALETTE],
    textStyle: { color: ink.text },
    backgroundColor: "transparent",
    legend: { textStyle: { color: ink.text, fontSize: 11 }, pageTextStyle: { color: ink.dim } },
    tooltip: { backgroundColor: ink.card, borderColor: ink.line, textStyle: { color: ink.text, fontSize: 12 } },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    timeAxis: { ...axis, splitLine: { show: false } },
  });
}

export { echarts };
