{{- define "saker.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "saker.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 57 | trimSuffix "-" -}}
{{- else if contains (include "saker.name" .) .Release.Name -}}
{{- .Release.Name | trunc 57 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "saker.name" .) | trunc 57 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "saker.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "saker.selector" -}}
app.kubernetes.io/name: {{ include "saker.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "saker.labels" -}}
{{ include "saker.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "saker.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "saker.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Values that were made for Falco's chart name Falco's image: not that, but this chart's own is run. */ -}}
{{- define "saker.namesFalco" -}}
{{- if regexMatch "(^|/)(falcosecurity/.*|falco(-no-driver|-debian|-distroless)?)$" .Values.image.repository -}}
true
{{- end -}}
{{- end -}}

{{- define "saker.image" -}}
{{- if include "saker.namesFalco" . -}}
ghcr.io/saker-sensor/saker:{{ .Chart.AppVersion }}
{{- else -}}
{{ with .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Where Falcosidekick listens. */ -}}
{{- define "saker.sidekick" -}}
{{- if .Values.falcosidekick.url -}}
{{ .Values.falcosidekick.url }}
{{- else -}}
http://falcosidekick{{ if .Values.falcosidekick.fullfqdn }}.{{ include "saker.namespace" . }}.svc.cluster.local{{ end }}:{{ .Values.falcosidekick.listenPort | default 2801 }}
{{- end -}}
{{- end -}}

{{- /* The secrets of certs; empty where there are none. */ -}}
{{- define "saker.certs" -}}
{{- $c := .Values.certs -}}
{{- if $c.existingSecret -}}
{{ $c.existingSecret }}
{{- else if and $c.server.key $c.server.crt -}}
{{ include "saker.fullname" . }}-certs
{{- end -}}
{{- end -}}

{{- define "saker.clientCerts" -}}
{{- $c := .Values.certs -}}
{{- if $c.existingClientSecret -}}
{{ $c.existingClientSecret }}
{{- else if and $c.client.key $c.client.crt -}}
{{ include "saker.fullname" . }}-client-certs
{{- end -}}
{{- end -}}

{{- /* Who is asked about pods: api, kubelet, or empty for nobody. */ -}}
{{- define "saker.podSource" -}}
{{- $collectors := default dict .Values.collectors -}}
{{- if dig "kubernetes" "enabled" false $collectors -}}
{{ dig "kubernetes" "source" "api" $collectors }}
{{- else -}}
{{ dig "kubernetes" "source" "none" .Values.falco | replace "none" "" }}
{{- end -}}
{{- end -}}

{{- /* saker.yaml: falco's keys, with what the switches of this chart add. */ -}}
{{- define "saker.config" -}}
{{- $config := deepCopy .Values.falco -}}
{{- if .Values.falcosidekick.enabled -}}
{{- $config = mergeOverwrite $config (dict "json_output" true "http_output" (dict "enabled" true "url" (include "saker.sidekick" .))) -}}
{{- end -}}
{{- with include "saker.podSource" . -}}
{{- $config = mergeOverwrite $config (dict "kubernetes" (dict "source" .)) -}}
{{- end -}}
{{- if .Values.metrics.enabled -}}
{{- $metrics := dict "enabled" true -}}
{{- range $key, $value := omit .Values.metrics "enabled" "service" -}}
{{- $_ := set $metrics (snakecase $key) $value -}}
{{- end -}}
{{- $config = mergeOverwrite $config (dict "metrics" $metrics "webserver" (dict "enabled" true "prometheus_metrics_enabled" true)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "saker.probe" -}}
httpGet:
  path: {{ dig "k8s_healthz_endpoint" "/healthz" .falco.webserver }}
  port: http
  {{- if include "saker.on" (get .falco.webserver "ssl_enabled") }}
  scheme: HTTPS
  {{- end }}
{{ toYaml .probe }}
{{- end -}}

{{- /* A switch of falco.yaml, which may be a text; empty if it is off, or missing. */ -}}
{{- define "saker.on" -}}
{{- if has (toString . | lower) (list "true" "yes" "on" "y") -}}
true
{{- end -}}
{{- end -}}
