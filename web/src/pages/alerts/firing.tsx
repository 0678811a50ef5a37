import { Button, Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { Refused } from "@/app/form";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { formatTime } from "@/format";
import { Answer, Empty, Measured, Part, StatusBadge } from "@/measure";

type Alert = Schemas["AlertItem"];
const ORDER = ["critical", "warning", "info"];

/** What fires and what is about to, the worst first, each with its reason. */
export function Firing() {
  const { environment } = useRange();
  const [{ area, service, rule, severity }] = useAddress();
  const given = Object.fromEntries(
    Object.entries({ area, service, rule, severity }).filter(([, value]) => (value ?? "") !== ""),
  );
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/alerts",
    { params: { query: { environment, limit: 200, ...given } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Answer query={query} what="the alerts">
      {({ items, next }) => (
        <Stack gap="md">
          {Object.keys(given).length > 0 && (
            <Text size="sm">
              Only those of {Object.values(given).join(", ")}. <Go to="/alerts">All alerts</Go>
            </Text>
          )}
          {items.length === 0 && (
            <Empty title="Nothing fires">What was stands under History; what could fire under Rules.</Empty>
          )}
          {ORDER.map((level) => {
            const alerts = items.filter((item) => item.severity === level);
            return alerts.length === 0 ? null : (
              <Part key={level} title={`${level.charAt(0).toUpperCase()}${level.slice(1)} (${alerts.length})`}>
                <Stack gap="xs">
                  {alerts.map((alert) => (
                    <One key={alert.id} alert={alert} />
                  ))}
                </Stack>
              </Part>
            );
          })}
          {next !== null && <Text size="sm">There are more than {items.length}.</Text>}
        </Stack>
      )}
    </Answer>
  );
}

function One({ alert }: { alert: Alert }) {
  const { zone } = useRange();
  return (
    <Group gap="xs" align="flex-start" className="told" data-alert={alert.rule}>
      <StatusBadge status={alert.phase} like={alert.phase === "firing" ? alert.severity : undefined} />
      <div>
        <Text size="sm">{alert.sentence}</Text>
        <Group gap="2px 12px">
          <Text size="xs" c="dimmed">
            {[alert.rule, alert.member].filter(Boolean).join(" ")}, since{" "}
            {formatTime(alert.fired_at ?? alert.started_at, zone)}
            {alert.value !== null && alert.bound !== "" && (
              <>
                ,{" "}
                <Measured
                  value={alert.value}
                  unit={alert.provenance?.unit ?? "1"}
                  label={alert.sentence}
                  provenance={alert.provenance ?? undefined}
                />{" "}
                {alert.bound}
              </>
            )}
          </Text>
          {alert.services.map((id) => (
            <Go key={id} to={`/services/${id}`} fz="xs">
              {id}
            </Go>
          ))}
          <Go to="/diagnose" search={{ alert: alert.id }} fz="xs">
            Why
          </Go>
          {alert.runbook !== "" && (
            <Go to={`/emergency/${alert.runbook}`} fz="xs">
              Runbook
            </Go>
          )}
          <Deeds alert={alert} />
        </Group>
      </div>
    </Group>
  );
}

function Deeds({ alert }: { alert: Alert }) {
  const operates = may(useSession(), "operate");
  const done = useDone();
  const take = api.useMutation("post", "/api/v1/monitoring/acknowledgements", {
    onSuccess: () => done("The alert is yours: nobody else is told."),
  });
  if (!operates) return null;
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={take.isPending}
        onClick={() => take.mutate({ body: { subject: `alert:${alert.id}`, reason: "" } })}
        aria-label={`Acknowledge ${alert.rule} ${alert.member}`}
      >
        Acknowledge
      </Button>
      <Go to="/alerts/silences" search={{ rule: alert.rule, member: alert.member }} fz="xs">
        Silence
      </Go>
      <Refused error={take.error} />
    </>
  );
}
