import "@/measure/measure.css";

export { Answer, Empty, Failed, Loading } from "@/measure/Answer";
export { ProvenanceCard } from "@/measure/Card";
export { Figure, Figures, Measured } from "@/measure/Measured";
export { provenanceOf } from "@/measure/provenance";
export type { Provenance } from "@/measure/provenance";
export { Rows } from "@/measure/Rows";
export { Basis, Fields, Part, SectionPart, Sections } from "@/measure/Sections";
export { StatusBadge, StatusDot } from "@/measure/Status";
