import { Code, Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { asked, useAddress, useRange } from "@/app/range";
import { formatTime } from "@/format";
import { Answer, Empty, Measured } from "@/measure";
import { Panel } from "@/areas/parts";
import { FilterForm, type Field } from "@/pages/traces/filterform";
import { Paging } from "@/pages/traces/found";
import { texts } from "@/pages/traces/query";
import { Cells } from "@/measure/Cells";

const FIELDS: readonly Field[] = [
  { name: "service", label: "Service" },
  { name: "type", label: "Type of the exception" },
  { name: "user", label: "User" },
];
const HEADS = ["Exception", "Message", "Times", "Users", "Services", "Last seen", "A trace"];

/** Exceptions, those of one origin as one; and one of them with its stack. */
export function Exceptions() {
  const { range, options } = useAsked();
  const [address, change] = useAddress();
  const query = { ...asked(range), ...texts(address, ["service", "type", "user", "cursor"] as const) };
  const found = api.useQuery("get", "/api/v1/monitoring/exceptions", { params: { query } }, options);
  return (
    <>
      <FilterForm label="Exceptions" fields={FIELDS} address={address} change={change} />
      {address.exception !== undefined && <One fingerprint={address.exception} />}
      <Answer query={found} what="exceptions">
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="No exception">None was told of in this range.</Empty>
          ) : (
            <>
              <Text fw={600}>
                {data.complete ? "" : "At least "}
                {data.groups} {data.groups === 1 ? "kind" : "kinds"} of exceptions in this range.
              </Text>
              <List items={data.items} source={data.source} />
              <Paging next={data.next} />
            </>
          )
        }
      </Answer>
    </>
  );
}

function List({ items, source }: { items: readonly Schemas["ExceptionItem"][]; source: string }) {
  const { zone } = useRange();
  const [address] = useAddress();
  const rows = items.map((item) => ({
    key: item.fingerprint,
    cells: [
      <Go key="type" to="/traces" search={{ ...address, tab: "exceptions", exception: item.fingerprint }}>
        {item.type.split(".").at(-1) ?? item.type}
      </Go>,
      item.template || item.message,
      <Measured key="count" value={item.count} unit="1" provenance={{ samples: item.records, source }} />,
      <Group key="users" gap={4} wrap="nowrap">
        {item.users_at_least && "≥"}
        <Measured value={item.users} unit="1" provenance={{ source }} />
      </Group>,
      item.services.join(", "),
      formatTime(item.last_seen, zone),
      item.trace_id === null ? "" : <Go to={`/traces/${item.trace_id}`}>trace</Go>,
    ],
  }));
  return <Cells label="Exceptions" heads={HEADS} rows={rows} minWidth={900} />;
}

function One({ fingerprint }: { fingerprint: string }) {
  const range = useRange();
  const params = { query: asked(range), path: { fingerprint } };
  const found = api.useQuery("get", "/api/v1/monitoring/exceptions/{fingerprint}", { params });
  return (
    <Answer query={found} what="the exception">
      {(data) => (
        <Panel title={data.type} hint={data.message}>
          <Stack gap="xs">
            <Text size="sm">
              {`First seen ${formatTime(data.first_seen, range.zone)}, last ${formatTime(data.last_seen, range.zone)}, in ${data.services.join(", ")}.`}
            </Text>
            <Group gap="sm">
              {data.traces.map((trace) => (
                <Go key={trace.trace_id} to={`/traces/${trace.trace_id}`} size="sm">
                  {`Trace of ${formatTime(trace.at, range.zone)}`}
                </Go>
              ))}
            </Group>
            <Code block tabIndex={0} mah={320}>
              {data.stack || data.frames.join("\n")}
            </Code>
          </Stack>
        </Panel>
      )}
    </Answer>
  );
}
